-- A finalizer that ran between the first byte of a chunk and its first task, and sent
-- a task itself, took that byte away: the tasks of the chunk got one wrong argument.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("a finalizer that sends tasks while a map writes its chunks", function()
  helper.guard()

  local pause, multiplier
  before_each(function()
    pause, multiplier = collectgarbage("setpause", 1), collectgarbage("setstepmul", 1000)
  end)
  after_each(function()
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", multiplier)
  end)

  it("changes nothing in them", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2, keep_alive = true }
    local sent = 0
    local class = {}
    function class.__gc()
      if sent >= 400 or not pcall(pool.apply_async, pool, math.abs, { -1 }) then return end
      sent = sent + 1
    end
    local i = 0
    local function tasks()
      i = i + 1
      setmetatable({}, class)
      return i <= 800 and { i, "b", "c" } or nil
    end
    local results = pool:map(function(...) return select("#", ...) == 3 and (...) end, tasks,
      { chunk_size = 1 })
    assert.are.equal(800, results.n)
    for k = 1, 800 do assert.are.equal(k, results[k]) end
    assert.is_true(sent > 0)
  end)
end)
