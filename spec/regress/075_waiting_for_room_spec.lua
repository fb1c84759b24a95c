-- While tasks that were due to be tried again found no room, the host looked for some
-- without a pause, for as long as the tasks under way took.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local workerpool = require "workerpool"

describe("a host whose tasks are to be tried again when there is room", function()
  helper.guard()

  it("sleeps until then", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local counts, tasks, steps = workerpool.Array("i", 8), {}, 0
    for i = 1, 8 do tasks[i] = { counts, i } end
    debug.sethook(function() steps = steps + 1 end, "", 100)
    local ok, list = pcall(pool.map, pool, function(list, i)
      if list:add(i, 1) == 1 then error("no") end
      core.sleep(0.2)
      return i
    end, tasks, { retries = 1, chunk_size = 8 })
    debug.sethook()
    assert.is_true(ok, tostring(list))
    assert.are.same({ 1, 2, 3, 4, 5, 6, 7, 8, n = 8 }, list)
    assert.is_true(steps < 3000, steps .. " hundreds of steps of Lua's machine")
  end)
end)
