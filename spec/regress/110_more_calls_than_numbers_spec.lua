-- The number of a call went up for ever, and had 24 bits of a tag: the call after
-- 16,777,215 on workers that were kept alive never heard of its results.

local helper = require "spec.support.helper"
local WorkerPool = require("workerpool").WorkerPool

describe("a crew whose calls have used up all numbers", function()
  helper.guard()

  local function id(x) return x end

  for _, n_jobs in ipairs { 2, 0 } do
    it("gives them again, with n_jobs = " .. n_jobs, function()
      local pool <close> = WorkerPool { n_jobs = n_jobs, keep_alive = true }
      pool:map(id, { 1 })
      for _, used in ipairs { 2 ^ 23 | 0, 2 ^ 24 | 0 } do
        pool.crew.last_owner = used - 3
        for i = 1, 5 do
          assert.are.same({ i, i + 1, n = 2 }, pool:map(id, { i, i + 1 }, { task_timeout = 20 }))
        end
      end
    end)
  end

  it("passes over those that are in use", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local first = pool:apply_async(id, { "first" })
    pool:map(id, { 1 })
    pool.crew.last_owner = 0
    assert.are.equal(2, pool:map(id, { 2 })[1])
    assert.are.equal("first", first:get(20))
    assert.are.equal("second", pool:apply_async(id, { "second" }):get(20))
  end)
end)
