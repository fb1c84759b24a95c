-- A task that forked and let the child return lost its time limit: the child
-- said in the worker's name that the task was over. A child of a worker that
-- is a thread even wrote into its parent's results.

local helper = require "spec.support.helper"
helper.c_module "misdeeds"
local workerpool = require "workerpool"
local core = require "workerpool.core"

describe("the twin of a worker", function()
  helper.guard()

  it("does not end the time of a task that runs on", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.map, pool, function()
      local own = core.getpid()
      require("misdeeds").fork()
      while core.getpid() == own do end
    end, { 1 }, { task_timeout = 0.3 })
    assert.is_false(ok)
    assert.are.equal("timeout", err.kind)
    assert.are.equal(1, err.task_index)
  end)

  it("adds nothing to what a thread says", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, start_method = "threading" }
    local seen = {}
    for i, value in pool:imap_unordered(function(x)
      require("misdeeds").fork(true)
      return x
    end, { 1, 2, 3, 4, 5, 6 }, { chunk_size = 2 }) do
      assert.is_nil(seen[i])
      seen[i] = value
    end
    assert.are.same({ 1, 2, 3, 4, 5, 6 }, seen)
  end)
end)
