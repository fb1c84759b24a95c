-- apply and apply_async: single tasks, their results, their callbacks.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local function add(a, b) return a + (b or 0) end
local function nap(seconds, value)
  core.sleep(seconds)
  return value
end

describe("apply", function()
  helper.guard()

  it("calls a function in a worker and returns what it returned", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    assert.are.equal(5, pool:apply(add, { 2, 3 }))
    assert.are.equal(42, pool:apply(add, 42))
    local a, b, c = pool:apply(function(...) return ... end, { n = 3, 1, nil, 3 })
    assert.are.same({ 1, nil, 3 }, { a, b, c })
    assert.are.equal(0, select("#", pool:apply(function() end)))
  end)

  it("raises the task's error; the pool goes on", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.apply, pool, function() error("no") end)
    assert.is_false(ok)
    assert.are.equal("error", err.kind)
    assert.are.equal(1, pool:apply(add, { 1 }))
  end)

  it("refuses options that are not its own", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, message = pcall(function() pool:apply(add, { 1 }, { chunk_size = 2 }) end)
    assert.is_false(ok)
    assert.matches("apply_spec.lua:%d+: apply: unknown option 'chunk_size'", message)
    ok, message = pcall(function() pool:apply_async(7) end)
    assert.is_false(ok)
    assert.matches("apply_spec.lua:%d+: apply_async: wanted a function, got a number", message)
  end)
end)

describe("apply_async", function()
  helper.guard()

  it("returns at once; get waits and may be repeated", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local result = pool:apply_async(nap, { 0.2, "rested" })
    assert.is_false(result:ready())
    assert.has_error(function() result:successful() end)
    assert.are.equal("rested", result:get())
    assert.are.equal("rested", result:get())
    assert.is_true(result:ready())
    assert.is_true(result:successful())
    assert.are.equal(1, result:task_id())
  end)

  it("sends a function again when something that it closes over has changed", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local factor, list = 2, { 10 }
    local function inner(x) return x * factor end
    local function f(x) return inner(x) + list[1] end
    assert.are.equal(1, pool:apply(add, { 1 })) -- so f is newer than the worker
    assert.are.equal(16, pool:apply(f, { 3 }))
    assert.are.equal(16, pool:apply(f, { 3 }))
    factor = 3
    assert.are.equal(19, pool:apply(f, { 3 }))
    list[1] = 20
    assert.are.equal(29, pool:apply(f, { 3 }))
    assert.are.equal(3, pool:apply(add, { 3 }))
    assert.are.equal(29, pool:apply(f, { 3 }))
  end)

  it("sends a function with the upvalues of now", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local results = {}
    for i = 1, 20 do
      results[i] = pool:apply_async(function() return i * i end)
    end
    for i = 1, 20 do assert.are.equal(i * i, results[i]:get()) end
  end)

  it("get with a timeout raises and loses nothing", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local result = pool:apply_async(nap, { 0.3, 7 })
    local ok, err = pcall(result.get, result, 0.05)
    assert.is_false(ok)
    assert.are.equal("timeout", err.kind)
    assert.is_false(result:wait(0.01))
    assert.are.equal(7, result:get())
  end)

  it("a failed task fails alone", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local results = {}
    for i = 1, 10 do
      results[i] = pool:apply_async(function(x)
        if x % 2 == 0 then error("even", 0) end
        return x
      end, { i })
    end
    for i = 1, 10 do
      assert.is_true(results[i]:wait(10))
      assert.are.equal(i % 2 == 1, results[i]:successful())
      local ok, value = pcall(results[i].get, results[i])
      if ok then assert.are.equal(i, value) else assert.are.equal("even", value.message) end
    end
  end)

  it("a killed worker costs its own task alone", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local results = {}
    for i = 1, 20 do
      results[i] = pool:apply_async(function(x)
        if x == 7 then os.execute("kill -KILL " .. core.getpid()) end
        return x
      end, { i })
    end
    for i = 1, 20 do
      local ok, value = pcall(results[i].get, results[i])
      assert.are.equal(i ~= 7, ok)
      if ok then assert.are.equal(i, value) else assert.are.equal("SIGKILL", value.signal) end
    end
  end)

  it("retries what fails", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local path = helper.tmpdir() .. "/tries"
    local result = pool:apply_async(function()
      local file = assert(io.open(path, "a+"))
      file:write("x")
      file:seek("set")
      local n = #file:read("a")
      file:close()
      if n < 3 then error("again") end
      return n
    end, {}, { retries = 2 })
    assert.are.equal(3, result:get())
  end)

  it("runs callbacks once, with what the task returned or raised", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local seen = {}
    pool:apply_async(add, { 1, 2 }, { callback = function(v) seen[#seen + 1] = v end })
    pool:apply_async(error, { "bad" }, {
      callback = function() seen[#seen + 1] = "never" end,
      error_callback = function(err) seen[#seen + 1] = err.kind end,
    })
    pool:stop_and_join()
    assert.are.same({ 3, "error" }, seen)
  end)

  it("loses nothing when a callback raises", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local first = pool:apply_async(add, { 1 }, { callback = function() error("mine", 0) end })
    local second = pool:apply_async(add, { 2 })
    local raised
    for _ = 1, 100 do
      local ok, message = pcall(pool.poll, pool, 0.1)
      raised = raised or (not ok and message)
      if raised and second:ready() then break end
    end
    assert.are.equal("mine", raised)
    assert.are.equal(1, first:get())
    assert.are.equal(2, second:get())
  end)

  it("gives the caller a result whatever callbacks raise", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local function raise() error("mine", 0) end
    local results, raised = {}, 0
    for i = 1, 50 do
      local ok, result
      repeat
        ok, result = pcall(pool.apply_async, pool, add, { i }, { callback = raise })
        if not ok then
          assert.are.equal("mine", result)
          raised = raised + 1
        end
      until ok
      results[i] = result
    end
    for i = 1, 50 do
      repeat
        local ok, value = pcall(results[i].get, results[i])
        if not ok then
          assert.are.equal("mine", value)
          raised = raised + 1
        end
      until ok
      assert.are.equal(i, results[i]:get())
    end
    assert.are.equal(50, raised)
  end)

  it("polls to an end although every callback sends another task", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local done, going = 0, true
    local function again()
      done = done + 1
      if going then pool:apply_async(add, { done }, { callback = again }) end
    end
    for i = 1, 8 do pool:apply_async(add, { i }, { callback = again }) end
    for _ = 1, 20 do assert.is_true(pool:poll(0) <= 8) end
    going = false
    assert.is_truthy(helper.eventually(function()
      pool:poll(0.01)
      return not pool:has_pending()
    end, 20))
    assert.is_true(done >= 8)
  end)

  it("cancels a queued task, which then never runs", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local path = helper.tmpdir() .. "/ran"
    local slow = pool:apply_async(nap, { 0.3, 1 })
    local queued = pool:apply_async(function() io.open(path, "w"):close() end)
    assert.is_true(queued:cancel())
    assert.is_false(queued:cancel())
    assert.are.equal(1, slow:get())
    local ok, err = pcall(queued.get, queued)
    assert.is_false(ok)
    assert.are.equal("cancelled", err.kind)
    pool:stop_and_join()
    assert.is_nil(io.open(path))
  end)

  it("cancels a running task by stopping its worker, which is replaced", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local endless = pool:apply_async(function() while true do end end)
    core.sleep(0.1)
    assert.is_true(endless:cancel())
    local ok, err = pcall(endless.get, endless)
    assert.is_false(ok)
    assert.are.equal("cancelled", err.kind)
    assert.are.equal(3, pool:apply(add, { 1, 2 }))
  end)

  it("waits for any of several", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local slow = pool:apply_async(nap, { 0.5, "slow" })
    local quick = pool:apply_async(nap, { 0.05, "quick" })
    assert.are.equal(quick, pool:wait_any { slow, quick })
    assert.is_nil(pool:wait_any({ slow }, 0.01))
    assert.are.equal(slow, pool:wait_any { slow })
  end)

  it("keeps workers busy while the host computes", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local results = {}
    for i = 1, 100 do
      results[i] = pool:apply_async(function()
        core.sleep(0.005)
        return core.getpid()
      end)
    end
    local stop = helper.now() + 1 * helper.scale
    while helper.now() < stop do end
    local began, share = helper.now(), {}
    for i = 1, 100 do
      local pid = results[i]:get()
      share[pid] = (share[pid] or 0) + 1
    end
    assert.is_true(helper.now() - began < 0.1 * helper.scale)
    for _, n in pairs(share) do assert.is_true(n > 25, "a worker did " .. n) end
  end)

  it("takes more tasks than the engine has room for", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local results, n = {}, 40000
    for i = 1, n do results[i] = pool:apply_async(add, { i }) end
    for i = 1, n do assert.are.equal(i, results[i]:get()) end
  end)

  it("lets go of a result that nobody asks for", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    for _ = 1, 2000 do pool:apply_async(function() return ("x"):rep(10000) end) end
    assert.are.equal(1, pool:apply(add, { 1 }))
    collectgarbage()
    assert.is_true(collectgarbage("count") < 64 * 1024)
    assert.are.equal(0, pool.queue.pending)
  end)

  it("results are readable after stop_and_join; after terminate get raises at once", function()
    local pool = WorkerPool { n_jobs = 1 }
    local result = pool:apply_async(nap, { 0.05, 5 })
    pool:stop_and_join()
    assert.are.equal(5, result:get())
    result = pool:apply_async(nap, { 60, 5 })
    pool:terminate()
    local ok, err = pcall(result.get, result)
    assert.is_false(ok)
    assert.are.equal("cancelled", err.kind)
    pool:terminate()
  end)

  it("finishes what was asked when its block ends", function()
    local result
    do
      local pool <close> = WorkerPool { n_jobs = 1 }
      result = pool:apply_async(nap, { 0.1, "done" })
    end
    assert.are.equal("done", result:get())
  end)

  it("goes together with a map", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local result = pool:apply_async(nap, { 0.1, "apply" })
    assert.are.same({ 1, 2, 3, n = 3 }, pool:map(add, { 1, 2, 3 }))
    assert.are.equal("apply", result:get())
  end)

  it("is refused inside the pool's own worker instead of waiting for ever", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local result = pool:apply_async(add, { 1 })
    result:get()
    local shared = { result = result }
    pool:set_shared_objects(shared)
    local ok, err = pcall(pool.map, pool, function(s) return s.result:get() end, { 1 })
    assert.is_false(ok)
    assert.matches("wait for ever", err.message)
  end)

  it("tells an event loop through a descriptor", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local result = pool:apply_async(nap, { 0.1, 1 })
    assert.are.equal("number", type(pool:fileno()))
    local handled = 0
    while handled == 0 do handled = pool:poll(1) end
    assert.are.equal(1, handled)
    assert.are.equal(1, result:get())
  end)
end)
