-- A worker that somebody has stopped between two functions (SIGSTOP) held up
-- the call for ever, and the end of the pool.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local misdeeds = helper.c_module "misdeeds"

local SIGSTOP = 19

local function right(x) return x * 10 end

describe("a worker that has been stopped", function()
  helper.guard()

  for _, method in ipairs { "fork", "forkserver", "spawn" } do
    local function pool_with_stopped()
      local pool = workerpool.WorkerPool { n_jobs = 1, keep_alive = true, start_method = method }
      pool:map(right, { 1 })
      local pid = pool.crew.engine:pid(0)
      misdeeds.kill(pid, SIGSTOP)
      helper.eventually(function() return helper.state(pid) == "T" end)
      return pool, pid
    end

    it("is replaced where there is a limit, and its task is done by another: " .. method, function()
      local pool <close>, pid = pool_with_stopped()
      assert.are.same({ 10, 20, n = 2 }, pool:map(right, { 1, 2 }, { task_timeout = 0.2 }))
      assert.are_not.equal(pid, pool.crew.engine:pid(0))
    end)

    it("goes on to leave when the pool ends: " .. method, function()
      local pool <close> = pool_with_stopped()
      pool:stop_and_join()
      assert.are.same({}, helper.children())
    end)
  end

  it("is made to leave also when it is stopped after it has been told to", function()
    local stopper <close> = workerpool.WorkerPool { n_jobs = 1 }
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
    pool:map(right, { 1 })
    local pid = pool.crew.engine:pid(0)
    local busy = pool:apply_async(function() require("workerpool.core").sleep(0.3) return 5 end)
    stopper:apply_async(function()
      require("workerpool.core").sleep(0.1)
      require("misdeeds").kill(pid, SIGSTOP)
    end)
    pool:stop_and_join()
    assert.are.equal(5, busy:get())
  end)
end)
