-- What goes wrong in MPIRE 2.10 goes right here. X17 is about a dashboard,
-- which this library does not have; the other nineteen are below.
-- timeout: 180

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool
local range = workerpool.range

local function same(...) return ... end

local function squares_of(pool, n)
  local list = pool:map(function(x) return x * x end, range(n))
  for i = 1, n do if list[i] ~= i * i then return false end end
  return list.n == n
end

describe("where MPIRE hangs:", function()
  helper.guard()

  it("X1: max_tasks_active below chunk_size makes smaller chunks, in all four maps", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local opts = { chunk_size = 10, max_tasks_active = 3 }
    assert.are.equal(50, pool:map(same, range(50), opts).n)
    assert.are.equal(50, pool:map_unordered(same, range(50), opts).n)
    for _, name in ipairs { "imap", "imap_unordered" } do
      local n = 0
      for _ in pool[name](pool, same, range(50), opts) do n = n + 1 end
      assert.are.equal(50, n)
    end
  end)

  it("X2: an argument or a result that cannot travel is an error with its path", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    for _, start in ipairs { "map", "map_unordered" } do
      local ok, err = pcall(pool[start], pool, same, { { { a = { coroutine.create(print) } } } })
      assert.is_false(ok)
      assert.are.equal("encode", err.kind)
      assert.matches("args%[1%]%.a%[1%]: thread", err.message)
      ok, err = pcall(pool[start], pool, function() return { b = io.stdout } end, { 1 })
      assert.is_false(ok)
      assert.are.equal("encode", err.kind)
      assert.matches("%.b: userdata", err.message)
    end
    local result = pool:apply_async(function() return io.stdout end)
    assert.is_true(result:wait(20))
    assert.is_false(result:successful())
    result = pool:apply_async(same, { io.stdout })
    assert.is_true(result:wait(20))
    assert.is_false(result:successful())
    assert.is_true(squares_of(pool, 20))
  end)

  it("X2: so is a function that cannot travel to workers that live already", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    assert.is_true(squares_of(pool, 3))
    local file = io.stdout
    local ok, err = pcall(pool.map, pool, function() return io.type(file) end, { 1 })
    if not ok then assert.matches("file", tostring(err)) end
    assert.is_true(squares_of(pool, 3))
  end)

  it("X3: idle workers that were killed are replaced, whatever killed them", function()
    local pool <close> = WorkerPool { n_jobs = 3, keep_alive = true }
    for _, signal in ipairs { "KILL", "TERM", "HUP", "SEGV", "ABRT" } do
      assert.is_true(squares_of(pool, 30))
      for _, pid in ipairs(helper.children()) do os.execute("kill -" .. signal .. " " .. pid) end
    end
    assert.is_true(squares_of(pool, 30))
    for _, pid in ipairs(helper.children()) do os.execute("kill -KILL " .. pid) end
    assert.are.equal(8, pool:apply(same, { 8 }))
  end)

  it("X20: a second function of any kind reaches workers that live already", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    assert.are.same({ 2, 3, n = 2 }, pool:map(function(x) return x + 1 end, { 1, 2 }))
    assert.are.same({ 2, 4, n = 2 }, pool:map(function(x) return x * 2 end, { 1, 2 }))
    local helpers = { triple = function(x) return 3 * x end }
    assert.are.same({ 3, 6, n = 2 }, pool:map(function(x) return helpers.triple(x) end, { 1, 2 }))
    local function factorial(n) return n < 2 and 1 or n * factorial(n - 1) end
    assert.are.same({ 120, n = 1 }, pool:map(factorial, { 5 }))
    assert.are.same({ "1", n = 1 }, pool:map(tostring, { 1 }))
    local callable = setmetatable({}, { __call = function(_, x) return x end })
    local ok, list = pcall(pool.map, pool, callable, { 4 })
    if ok then assert.are.same({ 4, n = 1 }, list) else assert.matches("metatable", tostring(list)) end
  end)
end)

describe("where MPIRE loses results:", function()
  helper.guard()

  it("X4: a callback that raises costs no other result", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local results, raised, called = {}, 0, 0
    for i = 1, 20 do
      local ok, result = pcall(pool.apply_async, pool, same, { i }, { callback = function(x)
        called = called + 1
        if x % 3 == 0 then error("callback " .. x, 0) end
      end })
      if ok then results[i] = result else raised = raised + 1 end
    end
    assert.is_truthy(helper.eventually(function()
      local ok = pcall(pool.poll, pool, 0.1)
      if not ok then raised = raised + 1 end
      return called == 20
    end, 20))
    assert.are.equal(6, raised)
    for i, result in pairs(results) do
      assert.is_true(result:ready())
      assert.are.equal(i, result:get())
    end
  end)

  it("X4: an error_callback that raises costs no other result either", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local bad = pool:apply_async(error, { "bad" }, { error_callback = function() error("mine", 0) end })
    local good = pool:apply_async(same, { 1 })
    pcall(good.get, good)
    assert.are.equal(1, good:get())
    pcall(bad.wait, bad, 20)
    assert.is_true(bad:ready())
    assert.is_false(bad:successful())
  end)

  it("X5: iterable_len beyond the supply is no mistake", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local function supply()
      local x = 0
      return function()
        x = x + 1
        return x <= 5 and x or nil
      end
    end
    assert.are.same({ 1, 2, 3, 4, 5, n = 5 }, pool:map(same, supply(), { iterable_len = 20 }))
    local n = 0
    for i, v in pool:imap(same, supply(), { iterable_len = 20, n_splits = 4 }) do
      assert.are.equal(i, v)
      n = n + 1
    end
    assert.are.equal(5, n)
  end)

  it("X9: the end of a block waits for what was asked, and runs worker_exit", function()
    local results, pool = {}
    do
      local inner <close> = WorkerPool { n_jobs = 2, keep_alive = true, use_worker_state = true }
      pool = inner
      for i = 1, 10 do
        results[i] = inner:apply_async(function(state, x)
          core.sleep(0.02)
          state.n = (state.n or 0) + 1
          return x
        end, { i }, { worker_exit = function(state) return state.n or 0 end })
      end
    end
    for i = 1, 10 do assert.are.equal(i, results[i]:get(0)) end
    local counts = pool:get_exit_results()
    assert.are.equal(2, #counts)
    assert.are.equal(10, counts[1] + counts[2])
  end)

  it("X12: a worker_exit that raises leaves the results in the error", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local opts = { chunk_size = 5, worker_exit = function() error("cannot save", 0) end }
    local ok, err = pcall(pool.map, pool, function(x) return x, -x end, range(20), opts)
    assert.is_false(ok)
    assert.are.equal("worker_exit: cannot save", err.message)
    for i = 1, 20 do assert.are.same({ i, -i }, { err.results[1][i], err.results[2][i] }) end
    local seen = 0
    ok, err = pcall(function()
      for _ in pool:imap(same, range(20), opts) do seen = seen + 1 end
    end)
    assert.is_false(ok)
    assert.are.equal("worker_exit: cannot save", err.message)
    assert.are.equal(20, seen)
  end)
end)

describe("where MPIRE harms what is not to blame:", function()
  helper.guard()

  it("X8: a second map is refused, and the first one goes on", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local refused, seen = 0, 0
    for i, v in pool:imap_unordered(same, range(100), { chunk_size = 3 }) do
      assert.are.equal(i, v)
      seen = seen + 1
      for _, name in ipairs { "map", "map_unordered" } do
        local ok, message = pcall(pool[name], pool, same, { 1 })
        assert.is_false(ok)
        assert.matches("running imap_unordered", message)
        refused = refused + 1
      end
      local ok = pcall(function() for _ in pool:imap(same, { 1 }) do seen = 1000 end end)
      assert.is_false(ok)
    end
    assert.are.same({ 100, 200 }, { seen, refused })
    assert.is_true(squares_of(pool, 10))
  end)

  it("X10: os.exit in a task ends its worker, not the program", function()
    local result = helper.run { helper.lua, "-e", [[
      local pool <close> = require("workerpool").WorkerPool { n_jobs = 2 }
      for _, how in ipairs { 0, 3, 255, true, false } do
        local ok, err = pcall(pool.map, pool, function(x) os.exit(x) end, { how })
        print(ok, err.kind, err.exit_code, err.task_index)
      end
      print("still here")]] }
    assert.are.equal(0, result.status)
    assert.are.equal("false\tcrash\t0\t1\nfalse\tcrash\t3\t1\nfalse\tcrash\t255\t1\n"
      .. "false\tcrash\t0\t1\nfalse\tcrash\t1\t1\nstill here\n", result.stdout)
  end)

  it("X19: a slow task holds up no other task", function()
    local path = helper.tmpdir() .. "/last"
    local pool <close> = WorkerPool { n_jobs = 2 }
    -- The first task waits for the last one: in vain if any of those between
    -- waited for the first.
    local list = pool:map(function(x)
      if x == 40 then io.open(path, "w"):close() end
      if x > 1 then return x end
      for _ = 1, 3000 do
        local file <close> = io.open(path)
        if file then return x end
        core.sleep(0.01)
      end
      return "waited in vain"
    end, range(40), { chunk_size = 1 })
    for i = 1, 40 do assert.are.equal(i, list[i]) end
  end)

  it("X19: the same for single tasks", function()
    local path = helper.tmpdir() .. "/last"
    local pool <close> = WorkerPool { n_jobs = 2 }
    local first = pool:apply_async(function()
      for _ = 1, 3000 do
        local file <close> = io.open(path)
        if file then return "in time" end
        core.sleep(0.01)
      end
    end)
    local results = {}
    for i = 1, 40 do results[i] = pool:apply_async(same, { i }) end
    for i = 1, 40 do assert.are.equal(i, results[i]:get()) end
    io.open(path, "w"):close()
    assert.are.equal("in time", first:get())
  end)
end)

describe("where MPIRE does not do what it says:", function()
  helper.guard()

  it("X6: a late worker_exit is stopped at its limit, on all workers", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local began = helper.now()
    local ok, err = pcall(pool.map, pool, same, range(10), {
      worker_exit = function() core.sleep(120) end, worker_exit_timeout = 0.2,
    })
    assert.is_false(ok)
    assert.are.equal("timeout", err.kind)
    assert.is_true(helper.now() - began < 30 * helper.scale)
    assert.are.equal(10, err.results[1].n)
    assert.are.same({}, helper.children())
  end)

  it("X7: set_order_tasks has its effect from the next call on", function()
    local pool <close> = WorkerPool { n_jobs = 2, pass_worker_id = true }
    pool:map(same, range(4))
    pool:set_order_tasks()
    for _ = 1, 3 do
      local ids = pool:map(function(id, x)
        if x == 1 then core.sleep(0.05) end
        return id
      end, range(8), { chunk_size = 1 })
      assert.are.same({ 0, 1, 0, 1, 0, 1, 0, 1, n = 8 }, ids)
    end
    pool:set_order_tasks(false)
    assert.are.equal(8, pool:map(same, range(8), { chunk_size = 1 }).n)
  end)

  it("X18: a name that the manual has wrong is corrected", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, message = pcall(pool.map, pool, same, {}, { max_active_tasks = 4 })
    assert.is_false(ok)
    assert.matches("did you mean 'max_tasks_active'", message)
  end)

  it("X18: shared objects that are set anew reach kept workers", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true, shared_objects = "one" }
    assert.are.same({ "one", n = 1 }, (pool:map(same, { 1 })))
    pool:set_shared_objects("two")
    assert.are.same({ "two", n = 1 }, (pool:map(same, { 1 })))
  end)

  it("X18: a refusal lists every value that is allowed", function()
    local options = require "workerpool.options"
    for _, option in ipairs(options.describe()) do
      if option.name == "style" or option.name == "start_method" then
        local call = option.calls[1]
        for word in option.wanted:gmatch('"(%a+)"') do
          assert.is_truthy(options.problem(call, { [option.name] = word }), word)
        end
        local _, message = options.problem(call, { [option.name] = "zz" })
        assert.matches(option.wanted, message, 1, true)
      end
    end
  end)
end)

describe("where MPIRE explains badly:", function()
  helper.guard()

  it("X11: n_jobs = -1 is refused at once, in words", function()
    local ok, message = pcall(function() WorkerPool { n_jobs = -1 } end)
    assert.is_false(ok)
    assert.matches("defects_spec.lua:%d+: WorkerPool: option 'n_jobs'", message)
  end)

  it("X13: a crash names task, arguments, worker and signal, and guesses nothing", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    for signal, hint in pairs { SEGV = "C library", TERM = "asked to end", KILL = "killed" } do
      local ok, err = pcall(pool.map, pool, function(name)
        if name == signal then
          os.execute("kill -" .. signal .. " " .. core.getpid())
          core.sleep(30)
        end
      end, { "a", "b", signal, "d" }, { chunk_size = 2 })
      assert.is_false(ok)
      assert.are.same({ "crash", "SIG" .. signal, 3, ('"%s"'):format(signal) },
        { err.kind, err.signal, err.task_index, err.args })
      assert.matches("worker %d died from SIG" .. signal .. " while running task 3", err.message)
      assert.matches(hint, err.hint)
    end
  end)

  it("X14: a worker that is asked to end before its first task is replaced", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local n = 0
    -- Workers live by the time the first task is asked for.
    local list = pool:map(same, function()
      if n == 0 then
        local pid = helper.children()[1]
        os.execute("kill -TERM " .. pid)
        assert(helper.eventually(function() return helper.state(pid) == "Z" end))
      end
      n = n + 1
      return n <= 10 and n or nil
    end, { chunk_size = 1 })
    for i = 1, 10 do assert.are.equal(i, list[i]) end
  end)

  it("X14: and one that is idle when it is asked to end", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    pool:apply(same, { 1 })
    for _ = 1, 5 do
      for _, pid in ipairs(helper.children()) do os.execute("kill -TERM " .. pid) end
      assert.are.equal(2, pool:apply(same, { 2 }))
    end
  end)
end)

describe("where MPIRE wastes time:", function()
  helper.guard()

  it("X15: the end of a call has no fixed cost that anybody would notice", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local began = helper.now()
    for _ = 1, 20 do pool:map(same, range(10)) end
    assert.is_true(helper.now() - began < 1.5 * helper.scale)
  end)

  it("X16: a host that waits uses no processor time", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local began = os.clock()
    pool:map(function() core.sleep(1) end, { 1, 2 }, { chunk_size = 1 })
    local result = pool:apply_async(function() core.sleep(1) end)
    result:get()
    assert.is_true(os.clock() - began < 0.2 * helper.scale)
  end)

  it("X16: neither does one that waits with a limit", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local began = os.clock()
    pool:map(function() core.sleep(1) end, { 1, 2 }, { chunk_size = 1, task_timeout = 60 })
    assert.is_true(os.clock() - began < 0.2 * helper.scale)
  end)
end)
