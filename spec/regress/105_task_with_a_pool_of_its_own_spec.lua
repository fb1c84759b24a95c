-- With n_jobs = 0, a task that failed after it had run a pool of its own, likewise without
-- workers, was blamed by the place that the inner pool had come to: another index, no
-- arguments, and a failure of encoding.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool, range = workerpool.WorkerPool, workerpool.range

describe("A task without a process that has run another pool", function()
  helper.guard()

  for _, chunk in ipairs { 1, 4 } do
    it(("fails as itself, in chunks of %d"):format(chunk), function()
      local outer = WorkerPool { n_jobs = 0 }
      local ok, err = pcall(outer.map, outer, function(i)
        if i < 3 then return i end
        local inner = WorkerPool { n_jobs = 0 }
        inner:map(function(a, b) return a + b end, { { 1, 2 }, { 3, 4 }, { 5, 6 }, { 7, 8 } })
        error("here")
      end, range(4), { chunk_size = chunk })
      assert.is_false(ok)
      assert.are.equal("error", err.kind)
      assert.are.equal(3, err.task_index)
      assert.are.equal("3", err.args)
      assert.matches("here", err.message, 1, true)
    end)
  end
end)
