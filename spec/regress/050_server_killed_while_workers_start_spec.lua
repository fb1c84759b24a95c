-- A server that is killed takes all workers with it that it has started. Those
-- that had not come through yet counted as so many false starts, and a single
-- kill ended a pool of three.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local misdeeds = helper.c_module "misdeeds"
local SlowForks = require("spec.support.fixtures.slow_start").SlowForks

local SIGKILL = 9

local function same(_, x) return x end

describe("a server that is killed while its workers start", function()
  helper.guard()

  local function pool_of(n_jobs, seconds)
    return workerpool.WorkerPool { n_jobs = n_jobs, start_method = "forkserver",
      shared_objects = setmetatable({ seconds = seconds }, SlowForks) }
  end

  it("is one false start, however many they were", function()
    local pool <close> = pool_of(6, 0.5)
    local result = pool:apply_async(same, { 7 })
    misdeeds.kill(helper.children()[1], SIGKILL)
    assert.are.equal(7, result:get())
  end)

  it("is no fault of worker_init that was under way", function()
    local dir = helper.tmpdir()
    local pool <close> = workerpool.WorkerPool { n_jobs = 3, start_method = "forkserver" }
    local list = pool:map(function(x) return x end, workerpool.range(30), {
      retries = 1, -- one that is through with it may be running a task just then
      worker_init = function()
        if io.open(dir .. "/killed") then return end
        io.open(dir .. "/killed", "w"):close()
        os.execute("kill -KILL $(cut -d ' ' -f 4 /proc/" .. require("workerpool.core").getpid() .. "/stat)")
        require("workerpool.core").sleep(60)
      end,
    })
    for i = 1, 30 do assert.are.equal(i, list[i]) end
  end)

  it("is the end where each worker_init does so", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2, start_method = "forkserver" }
    local ok, err = pcall(pool.map, pool, function(x) return x end, { 1, 2 }, {
      worker_init = function()
        local pid = require("workerpool.core").getpid()
        os.execute("kill -KILL $(cut -d ' ' -f 4 /proc/" .. pid .. "/stat) 2>/dev/null")
        require("workerpool.core").sleep(60)
      end,
    })
    assert.is_false(ok)
    -- One worker's init may end the server while the other has not come to it.
    local text = tostring(err)
    assert.is_truthy(text:find("worker_init", 1, true) or text:find("while starting", 1, true)
      or text:find("No child processes", 1, true), text)
  end)

  it("is not survived over and over", function()
    local pool <close> = pool_of(2, 20)
    local result = pool:apply_async(same, { 7 })
    local kills = 0
    while not result:ready() and kills < 50 do
      local server = helper.children()[1]
      if server then misdeeds.kill(server, SIGKILL) end
      kills = kills + 1
      result:wait(0.2)
    end
    local ok, err = pcall(result.get, result)
    assert.is_false(ok)
    assert.matches("died while starting", tostring(err))
  end)
end)
