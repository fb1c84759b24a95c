-- A lazy call on a pool that ran another one was refused at its first step only:
-- made and never entered, it said nothing.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local function same(...) return ... end

describe("A second lazy call", function()
  helper.guard()

  for _, name in ipairs { "imap", "imap_unordered" } do
    it(name .. " is refused where it is made, and the first goes on", function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      local seen = 0
      for _ in pool:imap(same, workerpool.range(20)) do
        seen = seen + 1
        local ok, err = pcall(function() pool[name](pool, same, { 1 }) end)
        assert.is_false(ok)
        assert.matches("^.-080_second_lazy_call_spec%.lua:%d+: " .. name
          .. ": this pool is running imap", err)
      end
      assert.are.equal(20, seen)
    end)
  end

  it("may be made before the first has begun; then the loop refuses", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local next_first <const>, _, _, first <close> = pool:imap(same, { 1, 2 })
    local next_second <const>, _, _, second <close> = pool:imap(same, { 3 })
    assert.are.equal(1, (next_first()))
    assert.matches("this pool is running imap", select(2, pcall(next_second)))
    assert.is_not_nil(first)
    assert.is_not_nil(second)
  end)
end)
