-- A task's function that used its own pool, or a result of it, was refused with
-- the path to some part of the pool that has no name.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("To a task there cannot be sent", function()
  helper.guard()

  for _, method in ipairs { "fork", "spawn", "forkserver", "threading" } do
    it("its own pool, nor a result of it, with " .. method, function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 1, start_method = method }
      local result = pool:apply_async(math.abs, { -1 })
      local ok, err = pcall(pool.apply, pool, function() return pool:apply(math.abs, { 1 }) end)
      assert.is_false(ok)
      assert.matches("cannot send function upvalue 'pool': a pool stays in the process "
        .. "that made it", tostring(err))
      ok, err = pcall(pool.apply, pool, function() return result:get() end)
      assert.is_false(ok)
      assert.matches("upvalue 'result': a result of apply_async stays in the process",
        tostring(err))
      ok, err = pcall(pool.apply, pool, math.abs, { { here = { pool } } })
      assert.is_false(ok)
      assert.matches("cannot send args%[1%]%.here%[1%]: a pool stays", tostring(err))
      assert.are.equal(1, result:get())
    end)
  end

  it("a pool by a task that made one", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, daemon = false }
    local _, err = pcall(pool.apply, pool, function()
      return require("workerpool").WorkerPool { n_jobs = 1 }
    end)
    assert.are.equal("encode", err.kind)
    assert.matches("cannot send result%[1%]: a pool stays", err.message)
  end)
end)
