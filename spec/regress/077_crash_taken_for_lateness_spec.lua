-- A worker that had crashed while its host was away for longer than its task might take
-- was said to have been late.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local workerpool = require "workerpool"

local LIMIT = 0.2 * helper.scale

describe("a crash that the host learns of after the limit of the task", function()
  helper.guard()

  local WAYS = {
    ["os.exit"] = function() os.exit(3) end,
    ["SIGKILL"] = function() os.execute("kill -KILL " .. core.getpid()) core.sleep(60) end,
  }

  for _, method in ipairs { "fork", "forkserver", "spawn", "threading" } do
    for name, way in pairs(WAYS) do
      if method ~= "threading" or name == "os.exit" then
        it(("is a crash: %s, %s"):format(name, method), function()
          local pool <close> = workerpool.WorkerPool { n_jobs = 1, start_method = method }
          pool:apply(tostring, { 1 })
          local result = pool:apply_async(way, nil, { task_timeout = LIMIT })
          helper.sleep(3 * LIMIT)
          local ok, err = pcall(result.get, result)
          assert.is_false(ok)
          assert.are.equal("crash", err.kind)
          assert.are.equal(name == "os.exit" and 3 or nil, err.exit_code)
        end)
      end
    end
  end
end)
