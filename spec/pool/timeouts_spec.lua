-- Limits to the time of tasks, and of init and exit functions.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local stuck = {
  ["a loop in Lua"] = function() while true do end end,
  ["a loop under pcall"] = function()
    while true do pcall(function() while true do end end) end
  end,
  ["a sleep"] = function() while true do core.sleep(60) end end,
  ["a C function that never returns"] = function()
    return string.find(("a"):rep(1e4), ".-.-.-.-b$")
  end,
}

describe("task_timeout", function()
  helper.guard()

  for what, f in pairs(stuck) do
    it("ends " .. what, function()
      local pool <close> = WorkerPool { n_jobs = 2 }
      local began = helper.now()
      local ok, err = pcall(pool.map, pool, function(x)
        if x == 3 then return f() end
        return x
      end, workerpool.range(5), { task_timeout = 0.2, chunk_size = 1 })
      assert.is_false(ok)
      assert.are.equal("timeout", err.kind)
      assert.are.equal(3, err.task_index)
      assert.matches("task 3 timed out after 0.2 seconds", err.message)
      assert.is_true(helper.now() - began < 10 * helper.scale)
      assert.are.same({ 1, n = 1 }, pool:map(function(x) return x end, { 1 }))
    end)
  end

  it("does not count the time in a queue or in a chunk", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local list = pool:map(function(x)
      core.sleep(0.05)
      return x
    end, workerpool.range(10), { task_timeout = 0.4 * helper.scale, chunk_size = 10 })
    assert.are.equal(10, list.n)
  end)

  it("costs the late task alone when errors are collected", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x)
      if x % 5 == 0 then core.sleep(60) end
      return x
    end, workerpool.range(20), { task_timeout = 0.2, on_error = "collect", chunk_size = 4 })
    for i = 1, 20 do
      if i % 5 == 0 then
        assert.are.equal("timeout", list[i].kind)
        assert.are.equal(i, list[i].task_index)
      else
        assert.are.equal(i, list[i])
      end
    end
  end)

  it("in apply ends that task alone", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local results = {}
    for i = 1, 6 do
      results[i] = pool:apply_async(function(x)
        core.sleep(x % 2 == 0 and 60 or 0.01)
        return x
      end, { i }, { task_timeout = 0.3 })
    end
    for i = 1, 6 do
      local ok, value = pcall(results[i].get, results[i])
      assert.are.equal(i % 2 == 1, ok)
      if not ok then assert.are.equal("timeout", value.kind) end
    end
  end)

  it("is tried again as retries say", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local path = helper.tmpdir() .. "/once"
    local list = pool:map(function(x)
      if not io.open(path) then
        io.open(path, "w"):close()
        core.sleep(60)
      end
      return x
    end, { 1 }, { task_timeout = 0.2, retries = 1 })
    assert.are.same({ 1, n = 1 }, list)
  end)

  it("must be a number of seconds above 0", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    for _, wrong in ipairs { 0, -1, "1", 0 / 0 } do
      local ok, message = pcall(pool.map, pool, print, {}, { task_timeout = wrong })
      assert.is_false(ok)
      assert.matches("option 'task_timeout'", message)
    end
  end)
end)

describe("the timeouts of init and exit", function()
  helper.guard()

  it("name the phase", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local function late() core.sleep(60) end
    local ok, err = pcall(pool.map, pool, tostring, { 1, 2 },
      { worker_init = late, worker_init_timeout = 0.2 })
    assert.is_false(ok)
    assert.are.equal("timeout", err.kind)
    assert.matches("worker_init timed out after 0.2 seconds", err.message)
    local began = helper.now()
    ok, err = pcall(pool.map, pool, function(x) return x end, { 1, 2 },
      { worker_exit = late, worker_exit_timeout = 0.2 })
    assert.is_false(ok)
    assert.matches("worker_exit timed out after 0.2 seconds", err.message)
    assert.are.same({ 1, 2, n = 2 }, err.results[1])
    assert.is_true(helper.now() - began < 20)
  end)
end)
