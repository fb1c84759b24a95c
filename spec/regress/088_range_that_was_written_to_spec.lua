-- A range could be assigned to: it showed the new element, and a map did not.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("A range", function()
  helper.guard()

  it("cannot be assigned to, and says so at the caller's line", function()
    local range = workerpool.range(3)
    for _, key in ipairs { 1, 4, "x" } do
      local ok, err = pcall(function() range[key] = 5 end)
      assert.is_false(ok)
      assert.matches("^.-088_range_that_was_written_to_spec%.lua:%d+: range: a range cannot be "
        .. "changed", err)
    end
    assert.are.equal(1, range[1])
    assert.is_nil(range[4])
  end)

  it("is one also in a task", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local sum, message = pool:apply(function(range)
      local total = 0
      for _, x in ipairs(range) do total = total + x end
      return total, select(2, pcall(function() range[1] = 5 end))
    end, { workerpool.range(2, 10, 2) })
    assert.are.equal(30, sum)
    assert.matches("cannot be changed", message)
  end)
end)
