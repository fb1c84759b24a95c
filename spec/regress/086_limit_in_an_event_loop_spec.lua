-- A host that slept until the pool's descriptor was readable was never woken by
-- a time limit: the late task went on for as long as nothing else happened.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local readable = helper.c_module "readable"
local workerpool = require "workerpool"

describe("A loop around the pool's descriptor", function()
  helper.guard()

  -- True when it has become so; nothing but the descriptor wakes us.
  local function turns_until(pool, condition)
    while not condition() do
      if not readable(pool:fileno(), 30) then return false end
      pool:poll()
    end
    return true
  end

  for _, first in ipairs { "before", "after" } do
    it("is woken by a task's time limit, asked for " .. first .. " it came", function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 2, keep_alive = true }
      if first == "before" then
        pool:apply(math.abs, { 1 })
        pool:fileno()
      end
      local failed
      local result = pool:apply_async(core.sleep, 60, { task_timeout = 0.2,
        error_callback = function(err) failed = err end })
      assert.is_true(turns_until(pool, function() return failed ~= nil end))
      assert.are.equal("timeout", failed.kind)
      assert.is_false(result:successful())
      assert.are.equal(7, pool:apply(math.abs, { -7 }))
    end)
  end

  it("is woken by that of an init function", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local failed
    pool:apply_async(math.abs, { 1 }, {
      worker_init = function() core.sleep(60) end, worker_init_timeout = 0.2,
      error_callback = function(err) failed = err end })
    assert.is_true(turns_until(pool, function() return failed ~= nil end))
    assert.are.equal("timeout", failed.kind)
  end)

  it("is woken by results, and left alone when there are none", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
    local done = 0
    for i = 1, 20 do
      pool:apply_async(math.abs, { -i }, { task_timeout = 60,
        callback = function() done = done + 1 end })
    end
    assert.is_true(turns_until(pool, function() return done == 20 end))
    while readable(pool:fileno(), 0) do pool:poll() end
    assert.is_false(readable(pool:fileno(), 0.1))
  end)

  it("has none of a pool without workers", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 0 }
    assert.is_nil(pool:fileno())
    pool:apply_async(math.abs, { 1 }, { task_timeout = 60 })
    assert.is_nil((pool:fileno()))
  end)
end)
