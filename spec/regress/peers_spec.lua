-- Traps that other pools of processes have fallen into, as their issue lists
-- tell: how a pool ends, limits of time, and what tasks do to their worker.
-- timeout: 180

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local deeds = require "spec.support.deeds"
local misdeeds = helper.c_module "misdeeds"
local WorkerPool = workerpool.WorkerPool
local range = workerpool.range

local same, works, signal_self = deeds.same, deeds.works, deeds.signal_self

-- ---- endings -------------------------------------------------------------------

describe("at the end of a pool", function()
  helper.guard()

  it("results and exit results that fill every buffer are taken all the same", function()
    local pool = WorkerPool { n_jobs = 2 }
    local results = {}
    for i = 1, 4 do
      results[i] = pool:apply_async(function() return ("r"):rep(20 << 20) end, {},
        { worker_exit = function() return ("e"):rep(20 << 20) end })
    end
    pool:stop_and_join()
    for i = 1, 4 do assert.are.equal(20 << 20, #results[i]:get(0)) end
    assert.are.equal(20 << 20, #pool:get_exit_results()[1])
  end)

  it("messages nobody listens to hold up nothing", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x)
      for _ = 1, 200 do workerpool.emit(("m"):rep(20000)) end
      return x
    end, { 1, 2, 3, 4 }, { chunk_size = 1 })
    assert.are.same({ 1, 2, 3, 4, n = 4 }, list)
  end)

  it("results of 20 KB from workers that live for one task are all there", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map_unordered(function(x) return ("%05d"):format(x):rep(4000) end,
      range(200), { worker_lifespan = 1, chunk_size = 1 })
    assert.are.equal(200, list.n)
    table.sort(list)
    for i = 1, 200 do assert.are.equal(("%05d"):format(i):rep(4000), list[i]) end
  end)

  it("a worker that is killed in worker_exit costs its exit result alone", function()
    local pool <close> = WorkerPool { n_jobs = 2, pass_worker_id = true }
    local ok, err = pcall(pool.map, pool, function(_, x) return x end, range(10), {
      chunk_size = 1, worker_exit = function(id)
        if id == 1 then signal_self("KILL") end
        return "left"
      end,
    })
    assert.is_false(ok)
    assert.are.equal("SIGKILL", err.signal)
    assert.matches("worker 1 died .* worker_exit", err.message)
    assert.are.equal(10, err.results[1].n)
    assert.are.same({ "left" }, pool:get_exit_results())
    pool:pass_on_worker_id(false)
    assert.is_true(works(pool))
  end)

  it("a worker that is killed in worker_init ends the call and says where", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, err = pcall(pool.map, pool, same, range(10),
      { worker_init = function() signal_self("SEGV") end })
    assert.is_false(ok)
    assert.are.equal("SIGSEGV", err.signal)
    assert.matches("worker_init", err.message)
    assert.is_true(works(pool))
  end)

  it("a successor that is killed in worker_init ends the call, too", function()
    local path = helper.tmpdir() .. "/first"
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.map, pool, same, range(10), {
      worker_lifespan = 3, chunk_size = 1, worker_init = function()
        if io.open(path) then signal_self("KILL") end
        io.open(path, "w"):close()
      end,
    })
    assert.is_false(ok)
    assert.matches("worker_init", err.message)
    assert.is_true(works(pool))
  end)

  it("a child that a task has left running holds up nothing", function()
    local path = helper.tmpdir() .. "/pid"
    local began = helper.now()
    do
      local pool <close> = WorkerPool { n_jobs = 1 }
      pool:map(function()
        os.execute("sleep 50 >/dev/null 2>&1 & echo $! >" .. path)
      end, { 1 })
    end
    assert.is_true(helper.now() - began < 20 * helper.scale)
    os.execute("kill -KILL " .. helper.read(path))
  end)
end)

describe("from inside a callback", function()
  helper.guard()

  local function busy() core.sleep(120) end

  it("terminate ends the pool, and every result is settled", function()
    local pool = WorkerPool { n_jobs = 2 }
    local results, errors = {}, {}
    local opts = { error_callback = function(err)
      errors[#errors + 1] = err.kind
      pool:terminate()
    end }
    local all_sent = helper.tmpdir() .. "/sent"
    results[1] = pool:apply_async(function()
      while not io.open(all_sent) do core.sleep(0.01) end
      error("first")
    end, {}, opts)
    for i = 2, 6 do results[i] = pool:apply_async(busy, {}, opts) end
    io.open(all_sent, "w"):close()
    for i = 1, 6 do
      assert.is_true(results[i]:wait(20))
      assert.is_false(results[i]:successful())
    end
    assert.are.equal("error", errors[1])
    assert.are.equal(6, #errors)
    assert.are.equal(3, pool:apply(same, { 3 }))
    pool:stop_and_join()
  end)

  it("stop_and_join ends the pool, and every result is there", function()
    local pool = WorkerPool { n_jobs = 2 }
    local results = {}
    for i = 1, 10 do
      results[i] = pool:apply_async(function(x)
        core.sleep(0.01)
        return x
      end, { i }, { callback = function(x)
        if x == 1 then pool:stop_and_join() end
      end })
    end
    for i = 1, 10 do assert.are.equal(i, results[i]:get()) end
    assert.are.same({}, helper.children())
  end)

  it("another task can be cancelled", function()
    local pool = WorkerPool { n_jobs = 2 }
    local slow = pool:apply_async(busy)
    local quick = pool:apply_async(same, { 1 }, { callback = function() slow:cancel() end })
    assert.are.equal(1, quick:get())
    assert.is_true(slow:wait(20))
    assert.is_false(slow:successful())
    pool:stop_and_join()
  end)

  it("another task can be waited for, callbacks within callbacks", function()
    local pool = WorkerPool { n_jobs = 1 }
    local depth = 0
    local function deeper(x)
      depth = x
      if x < 20 then pool:apply_async(same, { x + 1 }, { callback = deeper }):wait() end
    end
    pool:apply_async(same, { 1 }, { callback = deeper }):wait()
    assert.are.equal(20, depth)
    pool:stop_and_join()
  end)
end)

-- ---- timeouts --------------------------------------------------------------------

describe("a limit of time", function()
  helper.guard()

  it("never hits the task after the late one", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local limit = 0.03
    for _, size in ipairs { 1, 4 } do
      -- Every other task ends just when its time is up.
      local list = pool:map(function(x)
        if x % 2 == 0 then core.sleep(limit) end
        return x
      end, range(80), { task_timeout = limit, on_error = "collect", chunk_size = size })
      for i = 1, 80 do
        if workerpool.is_error(list[i]) then
          assert.are.same({ 0, "timeout", i }, { i % 2, list[i].kind, list[i].task_index })
        else
          assert.are.equal(i, list[i])
        end
      end
    end
  end)

  it("reaches a worker that has been stopped", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x)
      if x == 3 then signal_self("STOP") end
      return x
    end, range(6), { task_timeout = 0.5, on_error = "collect", chunk_size = 1 })
    for i = 1, 6 do
      if i == 3 then assert.are.equal("timeout", list[i].kind) else assert.are.equal(i, list[i]) end
    end
  end)
end)

-- ---- what tasks do ------------------------------------------------------------------

describe("a task may", function()
  helper.guard()

  it("run programs, read what they print, and learn how they ended", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local texts, codes, fine = pool:map(function(x)
      local pipe = io.popen("echo " .. x .. "; exit " .. x % 5)
      local text = pipe:read("l")
      local _, _, code = pipe:close()
      return text, code, os.execute("true") == true and not os.execute("false")
    end, range(40), { chunk_size = 3 })
    for i = 1, 40 do
      assert.are.same({ tostring(i), i % 5, true }, { texts[i], codes[i], fine[i] })
    end
  end)

  it("close the descriptors 0 to 20", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local list = pool:map(function(x)
      misdeeds.close(0, 20)
      return x, ("x"):rep(300000)
    end, range(30), { chunk_size = 2 })
    for i = 1, 30 do assert.are.equal(i, list[i]) end
    assert.is_true(works(pool))
    assert.are.equal(1, pool:apply(same, { 1 }))
  end)

  it("close every descriptor: it may cost its worker, but no result", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x)
      if x % 10 == 0 then misdeeds.close(0, 4095) end
      return x
    end, range(30), { on_error = "collect", chunk_size = 1, task_timeout = 20 })
    for i = 1, 30 do
      if list[i] ~= i then
        assert.is_true(workerpool.is_error(list[i]))
        assert.are.equal(0, i % 10)
      end
    end
    assert.is_true(works(pool))
  end)

  it("start programs, which see nothing of the pool", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    assert.is_true(works(pool))
    local function listing()
      local pipe <close> = io.popen("exec ls -l /proc/self/fd")
      return pipe:read("a")
    end
    for _, text in ipairs(pool:map(listing, { { n = 0 }, { n = 0 } }, { chunk_size = 1 })) do
      for _, word in ipairs { "memfd", "eventfd", "eventpoll", "socket", "pidfd" } do
        assert.is_nil(text:find(word, 1, true), text)
      end
    end
    assert.is_nil(listing():find("memfd", 1, true))
  end)

  it("fork by itself, and let the child come back: results come once", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x)
      if x % 5 == 0 then misdeeds.fork() end
      return x
    end, range(40), { chunk_size = 4 })
    assert.are.equal(40, list.n)
    for i = 1, 40 do assert.are.equal(i, list[i]) end
  end)

  it("fork by itself, and the child may live on: nobody waits for it", function()
    local began = helper.now()
    local pids
    do
      local pool <close> = WorkerPool { n_jobs = 1 }
      pids = pool:map(function()
        local pid = misdeeds.fork()
        if pid > 0 then return pid end
        core.sleep(50)
        misdeeds.leave(0)
      end, { 1, 2 })
    end
    assert.is_true(helper.now() - began < 20 * helper.scale)
    for i = 1, 2 do os.execute("kill -KILL " .. pids[i] .. " 2>/dev/null") end
  end)

  it("raise whatever it likes", function()
    local things = {
      ("x"):rep(5 << 20), "", 0, 0.5, false, true,
      setmetatable({}, { __tostring = function() return 5 end }),
      setmetatable({}, { __tostring = "no function" }),
      setmetatable({}, { __index = function() error("touched") end }),
      setmetatable({}, { __name = 7, __metatable = "locked" }),
      { message = {} }, { message = "m" }, print, io.stdout, coroutine.create(print),
    }
    local pool <close> = WorkerPool { n_jobs = 2, shared_objects = things }
    local list = pool:map(function(shared, i) error(shared[i], 0) end, range(#things),
      { on_error = "collect" })
    for i = 1, #things do
      assert.is_true(workerpool.is_error(list[i]))
      assert.are.same({ "error", i, "string" },
        { list[i].kind, list[i].task_index, type(list[i].message) })
      assert.are.equal("string", type(tostring(list[i])))
    end
  end)

  it("yield where there is nobody to yield to: an error of its own", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.map, pool, coroutine.yield, { 1 })
    assert.is_false(ok)
    assert.matches("outside a coroutine", err.message)
    assert.are.same({ 6, n = 1 }, pool:map(function(x)
      local sum = 0
      for y in coroutine.wrap(function() for i = 1, x do coroutine.yield(i) end end) do
        sum = sum + y
      end
      return sum
    end, { 3 }))
  end)

  it("set hooks, stop the collector, and leave both so", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local calls = pool:map(function()
      local n = 0
      debug.sethook(function() n = n + 1 end, "c")
      collectgarbage("stop")
      tostring(1)
      return n
    end, { 1, 2, 3 })
    for i = 1, 3 do assert.is_true(calls[i] > 0) end
    assert.is_true(works(pool))
    assert.is_false(pcall(pool.map, pool, error, { "x" }))
    assert.is_true(works(pool))
  end)

  -- A function that lacks a `local` does this every day.
  for _, name in ipairs { "type", "next", "table", "string", "math", "error", "print", "select" } do
    it("overwrite the global '" .. name .. "' and still learn what went wrong next", function()
      local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
      local list = pool:map(function(x)
        _G[name] = "mine"
        return x
      end, { 1, 2 })
      assert.are.same({ 1, 2, n = 2 }, list)
      local ok, err = pcall(pool.map, pool, function() local x = nil + 1 return x end, { 1 })
      assert.is_false(ok)
      assert.is_true(workerpool.is_error(err))
      assert.matches("arithmetic", err.message, 1, true)
      assert.is_true(works(pool))
    end)
  end

  it("change directory, environment and file mask for itself alone", function()
    local lfs = require "lfs"
    local here = lfs.currentdir()
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(function() lfs.chdir("/") end, { 1, 2 }, { chunk_size = 1 })
    assert.are.equal(here, lfs.currentdir())
    assert.are.equal(here, pool:map(function() return lfs.currentdir() end, { 1 })[1])
  end)
end)
