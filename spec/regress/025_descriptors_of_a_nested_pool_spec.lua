-- A task that had closed the descriptors of its own pool could not end that
-- pool: its workers were not to be reached, and were waited for.

local helper = require "spec.support.helper"
helper.c_module "misdeeds"
local workerpool = require "workerpool"

describe("a nested pool whose descriptors are closed", function()
  helper.guard()

  for _, method in ipairs { "fork", "spawn", "forkserver" } do
    it("fails and ends, and can be forked again: " .. method, function()
      local outer <close> = workerpool.WorkerPool { n_jobs = 1, daemon = false }
      local ok, message, again = outer:apply(function()
        local inner = require("workerpool").WorkerPool {
          n_jobs = 2, start_method = method, keep_alive = true }
        inner:map(tostring, { 1 })
        inner:apply_async(function() while true do end end)
        require("misdeeds").close(3, 60)
        local success, text = pcall(inner.map, inner, tostring, { 1, 2, 3 })
        inner:terminate()
        collectgarbage()
        -- What is executed would want shared memory, which is closed, too.
        return success, text, method ~= "fork" or inner:map(tostring, { 5 })[1] == "5"
      end, nil, { task_timeout = 20 * helper.scale })
      assert.is_false(ok)
      assert.matches("Bad file descriptor", message)
      assert.is_true(again)
    end)
  end
end)
