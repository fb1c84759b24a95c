-- A task that could not be sent told its callback, which ended the pool and sent others:
-- those had the number of the first one again.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("The number of a task", function()
  helper.guard()

  for n_jobs = 0, 1 do
    it(("is no other's, whoever sends it, with %d workers"):format(n_jobs), function()
      local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs }
      local sent = {}
      sent[1] = pool:apply_async(math.abs, { -1 })
      local refused = pool:apply_async(math.abs, { io.stdout }, { error_callback = function()
        pool:terminate()
        sent[2] = pool:apply_async(math.abs, { -2 })
        sent[3] = pool:apply_async(math.abs, { -3 })
      end })
      sent[4] = pool:apply_async(math.abs, { -4 })
      local numbers = { refused:task_id() }
      for i = 1, 4 do numbers[i + 1] = sent[i]:task_id() end
      table.sort(numbers)
      assert.are.same({ 1, 2, 3, 4, 5 }, numbers)
      assert.are.equal(4, sent[4]:get())
    end)
  end
end)
