-- What fails in a task, or on the way to it, reaches the caller as an error object.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local function failing(f, tasks, opts, pool_opts)
  local pool <close> = WorkerPool(pool_opts or { n_jobs = 2 })
  local ok, err = pcall(pool.map, pool, f, tasks, opts)
  assert.is_false(ok)
  return err, pool
end

describe("a task that raises", function()
  helper.guard()

  it("raises an error object that names the task, the worker and the arguments", function()
    local err = failing(function(x, y)
      if x == 3 then error("bad luck") end
      return y
    end, { { 1, "a" }, { 2, "b" }, { 3, "c" } }, { chunk_size = 1 })
    assert.is_true(workerpool.is_error(err))
    assert.are.equal("error", err.kind)
    assert.matches("errors_spec.lua:%d+: bad luck", err.message)
    assert.are.equal(3, err.task_index)
    assert.are.equal('3, "c"', err.args)
    assert.are.equal(1, err.attempt)
    assert.is_true(err.worker_id == 0 or err.worker_id == 1)
  end)

  it("brings the worker's traceback, with the user's frames and no others", function()
    local function innermost() error("deep") end
    local function middle() innermost() return 1 end
    local err = failing(function() middle() return 2 end, { 1 })
    assert.matches("innermost", err.traceback)
    assert.matches("middle", err.traceback)
    assert.is_nil(err.traceback:find("worker.lua", 1, true))
    assert.is_nil(err.traceback:find("busted", 1, true))
  end)

  it("reads well when nobody catches it", function()
    local result = helper.run { helper.lua, "-e", [[
      local pool = require("workerpool").WorkerPool { n_jobs = 2 }
      pool:map(function(x) local y = x .. nil return y end, { 1 })]] }
    assert.are.equal(1, result.status)
    assert.matches("attempt to concatenate", result.stderr)
    assert.matches("task 1 %(args: 1%) on worker 0", result.stderr)
    assert.matches("worker traceback:", result.stderr)
  end)

  it("keeps the value that was thrown, when it can travel", function()
    local err = failing(function() error({ code = 42, list = { 1, 2 } }) end, { 1 })
    assert.are.same({ code = 42, list = { 1, 2 } }, err.cause)
    err = failing(function() error({ file = io.stdout }) end, { 1 })
    assert.is_nil(err.cause)
    err = failing(function() error(nil) end, { 1 })
    assert.are.equal("error", err.kind)
    err = failing(function() error(setmetatable({}, {
      __tostring = function() return "my own words" end })) end, { 1 })
    assert.matches("my own words", err.message)
  end)

  it("ends the map at once and leaves the pool usable", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local began = helper.now()
    assert.is_false(pcall(pool.map, pool, function(x)
      if x == 1 then error("stop") end
      core.sleep(60)
    end, workerpool.range(10), { chunk_size = 1 }))
    assert.is_true(helper.now() - began < 20)
    assert.are.same({ 2, n = 1 }, pool:map(function(x) return x end, { 2 }))
  end)

  it("yields what came before it in an imap", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local seen = {}
    local ok, err = pcall(function()
      for i in pool:imap(function(x)
        if x == 5 then error("five") end
      end, workerpool.range(9), { chunk_size = 1 }) do
        seen[#seen + 1] = i
      end
    end)
    assert.is_false(ok)
    assert.are.equal(5, err.task_index)
    assert.are.same({ 1, 2, 3, 4 }, seen)
  end)

  it("stack overflow and want of memory are errors of the task", function()
    local err = failing(function()
      local function f() return 1 + f() end
      return f()
    end, { 1 })
    assert.matches("stack overflow", err.message)
    err = failing(function() return io.open("/dev/zero"):read(1 << 40) end, { 1 })
    assert.are.equal("memory", err.kind)
  end)
end)

describe("a value that cannot travel", function()
  helper.guard()

  it("is named by its path among the arguments", function()
    local err = failing(function() end, { { 1, { frames = { 1, 2, { tex = io.stdout } } } } })
    assert.are.equal("encode", err.kind)
    assert.matches("cannot send args%[2%]%.frames%[3%]%.tex: userdata %(FILE%*%)", err.message)
    assert.are.equal(1, err.task_index)
  end)

  it("is named among the results, and the task with it", function()
    local err = failing(function(x)
      if x == 2 then return { file = io.stdout } end
      return x
    end, { 1, 2 })
    assert.are.equal("encode", err.kind)
    assert.matches("cannot send result.*%.file: userdata %(FILE%*%)", err.message)
    assert.are.equal(2, err.task_index)
  end)

  it("takes only its own place when errors are collected", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x) return x end,
      { 1, { { io.stdout } }, 3, 4 }, { on_error = "collect" })
    assert.are.equal(1, list[1])
    assert.are.equal("encode", list[2].kind)
    assert.are.equal(3, list[3])
    assert.are.equal(4, list[4])
  end)
end)

describe("on_error", function()
  helper.guard()

  local function odd(x)
    if x % 2 == 0 then error("even " .. x, 0) end
    return x
  end

  it("collect puts the error object in the task's place", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(odd, workerpool.range(100), { on_error = "collect" })
    assert.are.equal(100, list.n)
    for i = 1, 100 do
      if i % 2 == 1 then
        assert.are.equal(i, list[i])
      else
        assert.is_true(workerpool.is_error(list[i]))
        assert.are.equal("even " .. i, list[i].message)
        assert.are.equal(i, list[i].task_index)
      end
    end
  end)

  it("collect works for the lazy and the unordered kinds", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local failed = 0
    for i, v in pool:imap(odd, workerpool.range(50), { on_error = "collect" }) do
      if workerpool.is_error(v) then failed = failed + 1 else assert.are.equal(i, v) end
    end
    assert.are.equal(25, failed)
    local list = pool:map_unordered(odd, workerpool.range(50), { on_error = "collect" })
    failed = 0
    for i = 1, list.n do
      if workerpool.is_error(list[i]) then failed = failed + 1 end
    end
    assert.are.same({ 50, 25 }, { list.n, failed })
  end)

  it("a function decides each time", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(odd, workerpool.range(10), {
      on_error = function(err) return "skip", -err.task_index end,
    })
    assert.are.same({ 1, -2, 3, -4, 5, -6, 7, -8, 9, -10, n = 10 }, list)
    local ok, err = pcall(pool.map, pool, odd, workerpool.range(10), {
      on_error = function() return "raise" end })
    assert.is_false(ok)
    assert.is_true(workerpool.is_error(err))
  end)

  it("an error in that function ends the call and leaves nothing", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, message = pcall(pool.map, pool, odd, workerpool.range(10), {
      on_error = function() error("my own mistake", 0) end })
    assert.is_false(ok)
    assert.are.equal("my own mistake", message)
    assert.are.same({ 1, n = 1 }, pool:map(odd, { 1 }))
  end)
end)

describe("retries", function()
  helper.guard()

  -- Fails until it has been called `times` times for one task.
  local function flaky(dir, times)
    return function(x)
      local path = dir .. "/" .. x
      local file = assert(io.open(path, "a+"))
      file:write("x")
      file:flush()
      file:seek("set")
      local calls = #file:read("a")
      file:close()
      if calls <= times then error("try " .. calls, 0) end
      return x * 10
    end
  end

  it("give a failed task another chance", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(flaky(helper.tmpdir(), 2), workerpool.range(10), { retries = 2 })
    for i = 1, 10 do assert.are.equal(10 * i, list[i]) end
  end)

  it("run out, and the error tells the attempt", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, err = pcall(pool.map, pool, flaky(helper.tmpdir(), 5), { 7 }, { retries = 2 })
    assert.is_false(ok)
    assert.are.equal(3, err.attempt)
    assert.are.equal("try 3", err.message)
  end)

  it("keep the order of a lazy map, and the count of an unordered one", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local seen = {}
    for i, v in pool:imap(flaky(helper.tmpdir(), 1), workerpool.range(20), { retries = 1 }) do
      seen[#seen + 1] = i
      assert.are.equal(10 * i, v)
    end
    assert.are.equal(20, #seen)
    local list = pool:map_unordered(flaky(helper.tmpdir(), 1), workerpool.range(20), { retries = 1 })
    table.sort(list)
    assert.are.equal(20, list.n)
    for i = 1, 20 do assert.are.equal(10 * i, list[i]) end
  end)

  it("wait for retry_delay, which may be a function of the attempt", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local asked = {}
    local began = helper.now()
    pool:map(flaky(helper.tmpdir(), 2), { 1 }, { retries = 2,
      retry_delay = function(attempt)
        asked[#asked + 1] = attempt
        return 0.1
      end })
    assert.are.same({ 1, 2 }, asked)
    assert.is_true(helper.now() - began >= 0.2)
  end)
end)

describe("a worker that dies", function()
  helper.guard()

  local function suicide(signal)
    os.execute("kill -" .. signal .. " " .. core.getpid())
    core.sleep(10)
  end

  it("is explained with its signal, the task and the arguments", function()
    local began = helper.now()
    local err = failing(function(x)
      if x == 5 then suicide("KILL") end
      return x
    end, workerpool.range(20))
    assert.is_true(helper.now() - began < 10)
    assert.are.equal("crash", err.kind)
    assert.are.equal("SIGKILL", err.signal)
    assert.are.equal(5, err.task_index)
    assert.are.equal("5", err.args)
    assert.matches("worker %d died from SIGKILL while running task 5", err.message)
  end)

  it("leaves the pool usable", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    assert.is_false(pcall(pool.map, pool, function() suicide("SEGV") end, { 1 }))
    assert.are.same({ 1, n = 1 }, pool:map(function(x) return x end, { 1 }))
  end)

  it("by os.exit does not end the host, and tells the status", function()
    local err = failing(function() os.exit(3) end, { 1 })
    assert.are.equal("crash", err.kind)
    assert.are.equal(3, err.exit_code)
    err = failing(function() os.exit(0) end, { 1 })
    assert.are.equal(0, err.exit_code)
    assert.are.equal(1, err.task_index)
  end)

  it("costs one task when errors are collected; every other result is there once", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local dir = helper.tmpdir()
    local list = pool:map(function(x)
      if x % 50 == 0 then suicide("KILL") end
      local file = assert(io.open(dir .. "/" .. x, "a"))
      file:write("x")
      file:close()
      return x * 2
    end, workerpool.range(200), { on_error = "collect", chunk_size = 20 })
    for i = 1, 200 do
      if i % 50 == 0 then
        assert.are.equal("crash", list[i].kind)
        assert.are.equal(i, list[i].task_index)
      else
        assert.are.equal(2 * i, list[i])
        assert.are.equal("x", helper.read(dir .. "/" .. i), "task " .. i .. " ran twice")
      end
    end
  end)

  it("has its task tried again, elsewhere, as often as retries say", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local dir = helper.tmpdir()
    local list = pool:map(function(x)
      local path = dir .. "/" .. x
      if x == 7 and not io.open(path) then
        io.open(path, "w"):close()
        suicide("KILL")
      end
      return x
    end, workerpool.range(20), { retries = 1 })
    for i = 1, 20 do assert.are.equal(i, list[i]) end
    local ok, err = pcall(pool.map, pool, function() suicide("KILL") end, { 1 }, { retries = 2 })
    assert.is_false(ok)
    assert.are.equal(3, err.attempt)
  end)

  it("between two calls of a kept pool is replaced", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local pids = pool:map(function() return core.getpid() end, { 1, 2 }, { chunk_size = 1 })
    os.execute("kill -KILL " .. pids[1])
    os.execute("kill -TERM " .. pids[2])
    local list = pool:map(function(x) return x end, workerpool.range(50))
    assert.are.equal(50, list.n)
    assert.are.equal(50, list[50])
  end)

  it("half way through a huge result costs that task alone", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x)
      if x ~= 2 then return ("x"):rep(100) end
      -- The host reads while we write; somebody kills us meanwhile.
      os.execute("(sleep 0.05; kill -KILL " .. core.getpid() .. ") &")
      local big = ("y"):rep(64 << 20)
      while true do coroutine.wrap(function() return big .. "z" end)() end
    end, { 1, 2, 3 }, { on_error = "collect", chunk_size = 1 })
    assert.are.equal("crash", list[2].kind)
    assert.are.equal(100, #list[1])
    assert.are.equal(100, #list[3])
  end)

  it("as a fork that returns into the worker does no harm", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x)
      os.execute("true")
      return x
    end, workerpool.range(50))
    assert.are.equal(50, list.n)
  end)
end)
