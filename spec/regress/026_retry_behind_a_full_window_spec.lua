-- timeout: 30
-- An ordered iterator that had run as far ahead of a slow task as it may hung
-- for ever when that task failed: there was no room left to try it again.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"

describe("a task that fails when all room is taken by those behind it", function()
  helper.guard()

  for _, options in ipairs { { chunk_size = 1 }, { chunk_size = 1, max_tasks_active = 4 } } do
    it("is tried again: max_tasks_active " .. tostring(options.max_tasks_active), function()
      local tries = workerpool.Value("i", 0)
      local pool <close> = workerpool.WorkerPool { n_jobs = 2, shared_objects = tries }
      options.retries = 1
      local n = 0
      for i, value in pool:imap(function(count, x)
        if x == 1 and count:add(1) == 1 then
          core.sleep(0.3)
          error("once")
        end
        return x
      end, workerpool.range(400), options) do
        n = n + 1
        assert.are.equal(i, value)
      end
      assert.are.equal(400, n)
      assert.are.equal(2, tries.value)
    end)
  end
end)
