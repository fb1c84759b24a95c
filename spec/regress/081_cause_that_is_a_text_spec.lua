-- The error of a task had the value that was thrown as its cause, unless that
-- was a string, as it mostly is.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("The cause of a task's error", function()
  helper.guard()

  for _, n_jobs in ipairs { 0, 1 } do
    it("is the text that was thrown, with n_jobs = " .. n_jobs, function()
      local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs }
      local _, err = pcall(pool.map, pool, function() error("no more ink", 0) end, { 1 })
      assert.are.equal("no more ink", err.cause)
      assert.are.equal("no more ink", err.message)
      _, err = pcall(pool.apply, pool, error, { "no paper", 0 })
      assert.are.equal("no paper", err.cause)
    end)

    it("is that of an init or exit function, too, with n_jobs = " .. n_jobs, function()
      local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs }
      for _, phase in ipairs { "init", "exit" } do
        local _, err = pcall(pool.map, pool, math.abs, { 1 },
          { ["worker_" .. phase] = function() error("jammed", 0) end })
        assert.are.equal("jammed", err.cause)
        assert.are.equal("worker_" .. phase .. ": jammed", err.message)
      end
    end)
  end

  it("stays nil where nothing was thrown or it cannot travel", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local _, err = pcall(pool.apply, pool, os.exit, { 3 })
    assert.are.equal("crash", err.kind)
    assert.is_nil(err.cause)
    _, err = pcall(pool.apply, pool, function() error(io.stdout) end)
    assert.is_nil(err.cause)
  end)
end)
