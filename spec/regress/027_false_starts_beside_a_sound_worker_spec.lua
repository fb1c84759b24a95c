-- A call was given up when three workers in a row had been killed at their
-- start, also while another worker was at its tasks.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local misdeeds = helper.c_module "misdeeds"
local SlowStart = require("spec.support.fixtures.slow_start").SlowStart

local SIGKILL = 9
local STARTING, IN_TASK = 0, 3

describe("workers that die at their start", function()
  helper.guard()

  it("do not end a call that another worker is busy with", function()
    local pool <close> = workerpool.WorkerPool {
      n_jobs = 2, start_method = "spawn",
      shared_objects = setmetatable({ seconds = 0.15 }, SlowStart) }
    local busy = pool:apply_async(function() core.sleep(3) return "done" end)
    local engine, killed, n = pool.crew.engine, {}, 0
    local function sound() -- the worker that has the task
      return engine:inspect(0).phase == IN_TASK and 0
        or engine:inspect(1).phase == IN_TASK and 1
    end
    helper.eventually(sound)
    local other = 1 - sound()
    helper.eventually(function()
      pool:poll()
      local pid = engine:pid(other)
      if engine:running(other) and not killed[pid] then
        if engine:inspect(other).phase == STARTING then n = n + 1 end
        misdeeds.kill(pid, SIGKILL)
        killed[pid] = true
      end
      return n >= 5
    end)
    assert.are.equal("done", busy:get())
    assert.are.equal(5, n)
    assert.are.equal(7, pool:apply(function() return 7 end))
  end)
end)
