-- A forkserver that somebody had stopped (SIGSTOP) while it had no workers held
-- up the end of its pool for ever; one that had some did so when a signal came
-- just then: the host waited on, but had lost its patience.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local programs = require "spec.support.programs"
local misdeeds = helper.c_module "misdeeds"

local SIGSTOP = 19

local function same(x) return x end

describe("a forkserver that has been stopped", function()
  helper.guard()

  it("ends with its pool, though it has no workers", function()
    local pool = workerpool.WorkerPool { n_jobs = 1, start_method = "forkserver", keep_alive = true }
    pool:map(same, { 1 })
    local server, engine = helper.children()[1], pool.crew.engine
    engine:kill(0)
    repeat until engine:next() == "exit"
    misdeeds.kill(server, SIGSTOP)
    assert.is_true(helper.eventually(function() return helper.state(server) == "T" end))
    engine:close()
    assert.is_nil(helper.state(server))
  end)

  it("goes on when its host is interrupted while it waits for its word", function()
    local path = programs.make [[
      local host = core.getpid()
      local pool <close> = WorkerPool { n_jobs = 1, start_method = "forkserver" }
      pool:map(function()
        local server = io.open("/proc/self/stat"):read("a"):match("%) %a (%d+)")
        os.execute("kill -STOP " .. server .. "; (sleep 0.1; kill -INT " .. host .. ") &")
        os.exit(3)
      end, { 1 }, { retries = 9 })]]
    local done = helper.run({ helper.host, "run", path }, { timeout = 20 })
    assert.is_nil(done.timed_out)
    assert.are.equal(130, done.status, done.stderr)
  end)
end)
