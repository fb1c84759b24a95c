-- The options of MPIRE 2.10, by what they do and how they are refused. What
-- the other specs show already is not shown again; start methods, insights
-- and progress bars have specs of their own.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool
local range = workerpool.range

local function same(...) return ... end

local function note(path, text)
  local file <close> = assert(io.open(path, "a"))
  file:write(text, "\n")
end

local function lines_of(path)
  local text = helper.read(path) or ""
  return select(2, text:gsub("\n", ""))
end

-- The message of a constructor or call that is refused, which must blame the
-- line in this file.
local function refusal(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.are.equal("string", type(message))
  assert.matches("options_spec.lua:%d+: ", message)
  return message
end

local function refused_by_constructor(name, ...)
  for _, wrong in ipairs { ... } do
    local message = refusal(function() WorkerPool { [name] = wrong } end)
    assert.matches("WorkerPool: option '" .. name .. "': wanted .*, got ", message)
  end
end

-- All four kinds of map refuse it, and none of them starts a worker for it.
local function refused_by_maps(name, ...)
  local pool <close> = WorkerPool { n_jobs = 2 }
  for _, wrong in ipairs { ... } do
    for _, map in ipairs { "map", "map_unordered", "imap", "imap_unordered" } do
      local message = refusal(function() pool[map](pool, same, { 1 }, { [name] = wrong }) end)
      assert.matches(map .. ": option '" .. name .. "': wanted .*, got ", message)
    end
  end
  assert.are.same({}, helper.children())
end

local function refused_by_apply(name, ...)
  local pool <close> = WorkerPool { n_jobs = 1 }
  for _, wrong in ipairs { ... } do
    for _, apply in ipairs { "apply", "apply_async" } do
      local message = refusal(function() pool[apply](pool, same, { 1 }, { [name] = wrong }) end)
      assert.matches(apply .. ": option '" .. name .. "': wanted .*, got ", message)
    end
  end
  assert.are.same({}, helper.children())
end

-- ---- the constructor ------------------------------------------------------------

describe("n_jobs", function()
  helper.guard()

  it("64 is fine on any machine", function()
    local pool <close> = WorkerPool { n_jobs = 64, keep_alive = true }
    local list = pool:map(same, range(640), { chunk_size = 1 })
    assert.are.equal(640, list.n)
    assert.are.equal(64, #helper.children())
  end)

  it("no worker starts before one is needed", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    assert.are.same({}, helper.children())
    pool:set_keep_alive()
    pool:pass_on_worker_id()
    assert.are.same({}, helper.children())
  end)

  it("misuse: neither fractions nor words nor thousands", function()
    refused_by_constructor("n_jobs", 2.5, "2", true, 0 / 0, math.huge, -1, 1025, {})
  end)
end)

describe("daemon", function()
  helper.guard()

  it("a refused nested pool leaves the outer one usable", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    assert.is_false(pcall(pool.map, pool, function()
      return WorkerPool { n_jobs = 1 }:map(same, { 1 })
    end, { 1 }))
    assert.are.same({ 7, n = 1 }, pool:map(same, { 7 }))
  end)

  it("false allows apply inside of tasks, too", function()
    local pool <close> = WorkerPool { n_jobs = 1, daemon = false }
    assert.are.equal(42, pool:apply(function(x)
      local inner <close> = WorkerPool { n_jobs = 1 }
      return inner:apply(function(y) return 2 * y end, x)
    end, 21))
  end)

  it("misuse: true or false", function()
    refused_by_constructor("daemon", 0, "no", {})
  end)
end)

describe("cpu_ids", function()
  helper.guard()

  local cpus = core.affinity()

  local function mask()
    return helper.read("/proc/self/status"):match("Cpus_allowed_list:%s*(%S+)")
  end

  it("hold for successors, and from the first instruction of worker_init on", function()
    local path = helper.tmpdir() .. "/masks"
    local pool <close> = WorkerPool { n_jobs = 1, cpu_ids = { cpus[#cpus] } }
    local list = pool:map(mask, range(6), {
      worker_lifespan = 2, chunk_size = 1, worker_init = function() note(path, mask()) end,
    })
    for i = 1, 6 do assert.are.equal(tostring(cpus[#cpus]), list[i]) end
    for line in io.lines(path) do assert.are.equal(tostring(cpus[#cpus]), line) end
    assert.are.equal(3, lines_of(path))
  end)

  it("an empty list pins nothing", function()
    local pool <close> = WorkerPool { n_jobs = 2, cpu_ids = {} }
    assert.are.equal(mask(), pool:map(mask, { 1 })[1])
  end)

  it("misuse: words, fractions, empty sets, one too many", function()
    for _, wrong in ipairs { 0, "0", { "0" }, { 0.5 }, { {} }, { { "0" } }, { true }, { 0, 0, 0 } } do
      assert.matches("cpu_ids", refusal(function() WorkerPool { n_jobs = 2, cpu_ids = wrong } end))
    end
  end)
end)

describe("shared_objects", function()
  helper.guard()

  it("each worker has a copy of its own from its first write on", function()
    local pool <close> = WorkerPool { n_jobs = 1, shared_objects = { n = 0 } }
    local function count(shared)
      shared.n = shared.n + 1
      return shared.n
    end
    assert.are.same({ 1, 2, 3, n = 3 }, pool:map(count, { 1, 2, 3 }))
    assert.are.same({ 1, 1, 1, n = 3 }, pool:map(count, { 1, 2, 3 },
      { worker_lifespan = 1, chunk_size = 1 }))
  end)

  it("functions, classes and cycles are handed on as they are", function()
    local shared = { f = function() return "called" end }
    shared.self = setmetatable(shared, { __len = function() return 77 end })
    local pool <close> = WorkerPool { n_jobs = 1, shared_objects = shared }
    assert.are.equal("called 77 true",
      pool:map(function(s) return s.f() .. " " .. #s .. " " .. tostring(s.self == s) end, { 1 })[1])
  end)

  it("of the time of the call: what the host changes between two calls is seen", function()
    local shared = { n = 1 }
    local pool <close> = WorkerPool { n_jobs = 1, shared_objects = shared }
    local function read(s) return s.n end
    assert.are.same({ 1, n = 1 }, pool:map(read, { true }))
    shared.n = 2
    assert.are.same({ 2, n = 1 }, pool:map(read, { true }))
  end)

  it("set anew while single tasks are pending: the next map sees the new ones", function()
    local pool <close> = WorkerPool { n_jobs = 1, shared_objects = "old" }
    local pending = pool:apply_async(function(s)
      core.sleep(0.2)
      return s
    end)
    pool:set_shared_objects("new")
    assert.are.same({ "new", n = 1 }, pool:map(same, { { n = 0 } }))
    assert.are.equal("old", pending:get())
  end)
end)

describe("pass_worker_id", function()
  helper.guard()

  it("a successor keeps the id of the worker it follows", function()
    local pool <close> = WorkerPool { n_jobs = 2, pass_worker_id = true, order_tasks = true }
    local list = pool:map(same, range(8), { worker_lifespan = 1, chunk_size = 1 })
    assert.are.same({ 0, 1, 0, 1, 0, 1, 0, 1, n = 8 }, list)
    list = pool:map(function(id, x)
      if x <= 2 then os.exit(1) end
      return id
    end, range(6), { chunk_size = 1, on_error = "collect" })
    assert.are.same({ 0, 1, 0, 1 }, { list[3], list[4], list[5], list[6] })
  end)

  it("goes to single tasks as well", function()
    local pool <close> = WorkerPool { n_jobs = 1, pass_worker_id = true }
    local id, x = pool:apply(same, { "x" })
    assert.are.same({ 0, "x" }, { id, x })
  end)

  it("misuse: true or false, in the setter as well", function()
    refused_by_constructor("pass_worker_id", 1, "yes", {})
    local pool = WorkerPool { n_jobs = 1 }
    assert.matches("pass_worker_id", refusal(function() pool:pass_on_worker_id(1) end))
  end)
end)

describe("use_worker_state", function()
  helper.guard()

  local function count(state)
    state.n = (state.n or 0) + 1
    return state.n
  end

  it("goes with its worker: at the end of a lifespan and of a call", function()
    local pool <close> = WorkerPool { n_jobs = 1, use_worker_state = true }
    assert.are.same({ 1, 2, n = 2 }, pool:map(count, { 1, 2 }))
    assert.are.same({ 1, 2, n = 2 }, pool:map(count, { 1, 2 }))
  end)

  it("may hold what cannot travel", function()
    local pool <close> = WorkerPool { n_jobs = 1, use_worker_state = true }
    local list = pool:map(function(state)
      state.file = state.file or io.open("Makefile")
      return state.file:read("l") ~= nil
    end, { 1, 2, 3 }, { worker_exit = function(state) return state.file:close() end })
    assert.are.same({ true, true, true, n = 3 }, list)
    assert.are.same({ true }, pool:get_exit_results())
  end)

  it("its setter counts from the next call on, and starts fresh workers for it", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local function arguments(...) return select("#", ...) end
    assert.are.same({ 1, n = 1 }, pool:map(arguments, { "x" }))
    pool:set_use_worker_state()
    assert.are.same({ 2, n = 1 }, pool:map(arguments, { "x" }))
    pool:set_use_worker_state(false)
    assert.are.same({ 1, n = 1 }, pool:map(arguments, { "x" }))
  end)

  it("misuse: true or false", function()
    refused_by_constructor("use_worker_state", 1, "state", {})
  end)
end)

describe("keep_alive", function()
  helper.guard()

  local function pid_of(pool) return pool:map(core.getpid, { { n = 0 } })[1] end

  it("its setter counts from the next call on, in both directions", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    assert.are_not.equal(pid_of(pool), pid_of(pool))
    pool:set_keep_alive()
    local kept = pid_of(pool)
    assert.are.equal(kept, pid_of(pool))
    pool:set_keep_alive(false)
    assert.are.equal(kept, pid_of(pool))
    assert.are.same({}, helper.children())
  end)

  it("a lifespan is counted across calls", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true, use_worker_state = true }
    local function count(state)
      state.n = (state.n or 0) + 1
      return state.n
    end
    local opts = { worker_lifespan = 3, chunk_size = 1 }
    assert.are.same({ 1, 2, n = 2 }, pool:map(count, { 1, 2 }, opts))
    assert.are.same({ 3, 1, n = 2 }, pool:map(count, { 1, 2 }, opts))
    assert.are.same({ 2, 3, n = 2 }, pool:map(count, { 1, 2 }, opts))
  end)

  it("another worker_init means other workers, none means the same ones", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true, use_worker_state = true }
    local function colour(state) return state.colour end
    local function red(state) state.colour = "red" end
    local function blue(state) state.colour = "blue" end
    assert.are.equal("red", pool:map(colour, { 1 }, { worker_init = red })[1])
    assert.are.equal("red", pool:map(colour, { 1 })[1])
    assert.are.equal("blue", pool:map(colour, { 1 }, { worker_init = blue })[1])
  end)

  it("worker_exit runs when the workers end, with the results of all", function()
    local pool = WorkerPool { n_jobs = 2, keep_alive = true, use_worker_state = true }
    local opts = { chunk_size = 1, worker_exit = function(state) return state.n or 0 end }
    for _ = 1, 3 do
      pool:map(function(state) state.n = (state.n or 0) + 1 end, range(10), opts)
      assert.are.same({}, pool:get_exit_results())
    end
    pool:stop_and_join()
    local counts = pool:get_exit_results()
    assert.are.equal(30, counts[1] + counts[2])
  end)

  it("misuse: true or false, in the setter as well", function()
    refused_by_constructor("keep_alive", 1, "forever", {})
    local pool = WorkerPool { n_jobs = 1 }
    assert.matches("keep_alive", refusal(function() pool:set_keep_alive("yes") end))
  end)
end)

describe("order_tasks", function()
  helper.guard()

  it("holds for apply: task k goes to worker k mod n_jobs", function()
    local pool <close> = WorkerPool { n_jobs = 3, order_tasks = true, pass_worker_id = true }
    local results = {}
    for i = 1, 9 do results[i] = pool:apply_async(same, { i }) end
    for i = 1, 9 do assert.are.equal((i - 1) % 3, (results[i]:get())) end
  end)

  it("a worker that is late keeps its tasks to itself", function()
    local pool <close> = WorkerPool { n_jobs = 2, order_tasks = true, pass_worker_id = true }
    local ids = pool:map(function(id, x)
      if x == 1 then core.sleep(0.2) end
      return id
    end, range(6), { chunk_size = 1 })
    assert.are.same({ 0, 1, 0, 1, 0, 1, n = 6 }, ids)
  end)

  it("counts chunks, not tasks", function()
    local pool <close> = WorkerPool { n_jobs = 2, order_tasks = true, pass_worker_id = true }
    assert.are.same({ 0, 0, 0, 1, 1, 1, 0, 0, n = 8 },
      pool:map(function(id) return id end, range(8), { chunk_size = 3 }))
  end)

  it("misuse: true or false", function()
    refused_by_constructor("order_tasks", 1, "yes", {})
  end)
end)

-- ---- the map family --------------------------------------------------------------

describe("iterable_len", function()
  helper.guard()

  it("takes the first so many tasks of a list, a range and an object, too", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local object = setmetatable({}, {
      __len = function() return 10 end, __index = function(_, i) return i end,
    })
    for _, tasks in ipairs { { 1, 2, 3, 4, 5 }, range(5), object } do
      assert.are.same({ 1, 2, 3, n = 3 }, pool:map(same, tasks, { iterable_len = 3 }))
      assert.are.equal(3, pool:map_unordered(same, tasks, { iterable_len = 3 }).n)
    end
  end)

  it("more than a list has is no mistake", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    assert.are.same({ 1, 2, n = 2 }, pool:map(same, { 1, 2 }, { iterable_len = 5 }))
  end)

  it("0 takes nothing and pulls nothing", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    assert.are.same({ n = 0 }, pool:map(same, function() error("pulled") end, { iterable_len = 0 }))
  end)

  it("misuse: a count", function()
    refused_by_maps("iterable_len", -1, 1.5, "10", true, 0 / 0)
  end)
end)

describe("chunk_size and n_splits", function()
  helper.guard()

  -- In which order the ids of two workers come shows where chunks begin.
  local function chunks(n, opts)
    local pool <close> = WorkerPool { n_jobs = 2, order_tasks = true, pass_worker_id = true }
    local ids = pool:map(function(id) return id end, range(n), opts)
    local sizes, last = {}, nil
    for i = 1, ids.n do
      if ids[i] ~= last then sizes[#sizes + 1] = 0 end
      last = ids[i]
      sizes[#sizes] = sizes[#sizes] + 1
    end
    return sizes
  end

  it("chunk_size wins over n_splits", function()
    assert.are.same({ 2, 2, 2 }, chunks(6, { chunk_size = 2, n_splits = 2 }))
  end)

  it("more splits than tasks are as many as there are tasks", function()
    assert.are.same({ 1, 1, 1 }, chunks(3, { n_splits = 100 }))
  end)

  it("a chunk larger than all tasks is one chunk", function()
    assert.are.same({ 5 }, chunks(5, { chunk_size = 1e9 }))
  end)

  it("misuse: a size of at least 1, whole splits of at least 1", function()
    refused_by_maps("chunk_size", 0, 0.5, -3, "4", math.huge, 0 / 0, {})
    refused_by_maps("n_splits", 0, -1, 1.5, "4", {})
  end)
end)

describe("max_tasks_active", function()
  helper.guard()

  it("1 is possible, and then one task runs at a time", function()
    local path = helper.tmpdir() .. "/running"
    local pool <close> = WorkerPool { n_jobs = 4 }
    local list = pool:map(function(x)
      local alone = io.open(path) == nil
      io.open(path, "w"):close()
      core.sleep(0.002)
      os.remove(path)
      return alone and x
    end, range(30), { max_tasks_active = 1 })
    for i = 1, 30 do assert.are.equal(i, list[i]) end
  end)

  it("an ordered loop behind a slow first task pulls no further either", function()
    local pulled = 0
    local pool <close> = WorkerPool { n_jobs = 2 }
    for i in pool:imap(function(x)
      if x == 1 then core.sleep(0.2) end
      return x
    end, function()
      pulled = pulled + 1
      return pulled
    end, { max_tasks_active = 5, chunk_size = 1 }) do
      if i == 1 then
        assert.are.equal(5, pulled)
        break
      end
    end
  end)

  it("without it an endless iterator is not swallowed either", function()
    local pulled = 0
    local pool <close> = WorkerPool { n_jobs = 2 }
    for i in pool:imap(same, function()
      pulled = pulled + 1
      return pulled
    end, { chunk_size = 1 }) do
      if i == 10 then break end
    end
    assert.is_true(pulled < 2000, "pulled " .. pulled)
  end)

  it("misuse: a whole number of at least 1", function()
    refused_by_maps("max_tasks_active", 0, -1, 2.5, "n_jobs*2", {})
  end)
end)

describe("worker_lifespan", function()
  helper.guard()

  it("is 1 with init, exit, several workers and an unordered loop", function()
    local path = helper.tmpdir() .. "/inits"
    local pool <close> = WorkerPool { n_jobs = 3 }
    local seen = 0
    for i, x in pool:imap_unordered(same, range(20), {
      worker_lifespan = 1, chunk_size = 1,
      worker_init = function() note(path, "init") end,
      worker_exit = function() return "left" end,
    }) do
      assert.are.equal(i, x)
      seen = seen + 1
    end
    assert.are.equal(20, seen)
    assert.is_true(lines_of(path) >= 20)
    assert.are.equal(lines_of(path), #pool:get_exit_results())
  end)

  it("beyond the number of tasks changes nothing", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local pids = pool:map(function() return core.getpid() end, range(10), { worker_lifespan = 11 })
    for i = 2, 10 do assert.are.equal(pids[1], pids[i]) end
  end)

  it("misuse: a whole number of at least 1", function()
    refused_by_maps("worker_lifespan", 0, -1, 1.5, "1", true)
  end)
end)

describe("restart_workers", function()
  helper.guard()

  it("false keeps what live workers have, true lets go of it", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true, use_worker_state = true }
    local function count(state)
      state.n = (state.n or 0) + 1
      return state.n
    end
    assert.are.same({ 1, n = 1 }, pool:map(count, { 1 }, { restart_workers = false }))
    assert.are.same({ 2, n = 1 }, pool:map(count, { 1 }, { restart_workers = false }))
    assert.are.same({ 1, n = 1 }, pool:map(count, { 1 }, { restart_workers = true }))
  end)

  it("misuse: true or false", function()
    refused_by_maps("restart_workers", 0, "yes", {})
  end)
end)

describe("worker_init and worker_exit", function()
  helper.guard()

  it("run for single tasks, too", function()
    local pool = WorkerPool { n_jobs = 1, use_worker_state = true }
    local opts = {
      worker_init = function(state) state.word = "ready" end,
      worker_exit = function(state) return state.word .. ", gone" end,
    }
    assert.are.equal("ready", pool:apply(function(state) return state.word end, {}, opts))
    pool:stop_and_join()
    assert.are.same({ "ready, gone" }, pool:get_exit_results())
  end)

  it("an error in the init of single tasks fails all of them, by name", function()
    local pool = WorkerPool { n_jobs = 2 }
    local opts = { worker_init = function() error("no licence", 0) end }
    local results = {}
    for i = 1, 5 do results[i] = pool:apply_async(same, { i }, opts) end
    for i = 1, 5 do
      assert.is_true(results[i]:wait(20))
      local ok, err = pcall(results[i].get, results[i])
      assert.is_false(ok)
      assert.are.equal("worker_init: no licence", err.message)
    end
    pool:terminate()
  end)

  -- What a program prints that goes on after such an error.
  local function after_failed_init(rest)
    local result = helper.run({ helper.lua, "-e", [[
      local pool = require("workerpool").WorkerPool { n_jobs = 2 }
      local result = pool:apply_async(tostring, { 1 },
        { worker_init = function() error("no licence", 0) end })
      assert(not pcall(result.get, result))]] .. "\n" .. rest }, { timeout = 10 })
    assert.is_nil(result.timed_out, "it hangs")
    assert.are.equal("", result.stderr)
    return result.stdout
  end

  it("after such an error the pool can be ended", function()
    assert.are.equal("ended\n", after_failed_init [[
      pool:stop_and_join()
      print("ended")]])
  end)

  it("after such an error the pool can be used, with another init", function()
    assert.are.equal("5\n", after_failed_init [[
      print(pool:apply(tostring, { 5 }, { worker_init = function() end }))
      pool:terminate()]])
  end)

  it("after such an error the pool can be used, without any", function()
    assert.are.equal("5\n", after_failed_init [[
      print(pool:apply(tostring, { 5 }))
      pool:terminate()]])
  end)

  it("after such an error the pool can be used for a map", function()
    assert.are.equal("5\n", after_failed_init [[
      print(pool:map(tostring, { 5 })[1])
      pool:terminate()]])
  end)

  it("an error in the exit of single tasks is raised by stop_and_join", function()
    local pool = WorkerPool { n_jobs = 1 }
    local result = pool:apply_async(same, { 5 },
      { worker_exit = function() error("disk full", 0) end })
    local ok, err = pcall(pool.stop_and_join, pool)
    assert.is_false(ok)
    assert.are.equal("worker_exit: disk full", err.message)
    assert.are.equal(5, result:get())
    assert.are.same({}, helper.children())
  end)

  it("exit returns several values, nil, or nothing", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    pool:map(same, { 1 }, { worker_exit = function() return 1, nil, 3 end })
    assert.are.same({ { 1, nil, 3, n = 3 } }, pool:get_exit_results())
    pool:map(same, { 1 }, { worker_exit = function() end })
    assert.are.same({}, pool:get_exit_results())
  end)

  it("an exit result that cannot travel is an error that names it", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.map, pool, same, { 1, 2 },
      { worker_exit = function() return { log = io.stdout } end })
    assert.is_false(ok)
    assert.are.equal("encode", err.kind)
    assert.matches("worker_exit: .*log: userdata", err.message)
    assert.are.same({ 1, 2, n = 2 }, err.results[1])
  end)

  it("no worker starts, and none is initialized, when there are no tasks", function()
    local path = helper.tmpdir() .. "/inits"
    local pool <close> = WorkerPool { n_jobs = 2 }
    local opts = { worker_init = function() note(path, "init") end }
    assert.are.same({ n = 0 }, pool:map(same, {}, opts))
    assert.are.same({ n = 0 }, pool:map(same, range(0), opts))
    for _ in pool:imap(same, {}, opts) do error("a result of nothing") end
    assert.are.equal(0, lines_of(path))
  end)

  it("an exit that ends its process instead of returning is an error", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    for _, status in ipairs { 3, 0 } do
      local ok, err = pcall(pool.map, pool, same, { 1, 2 },
        { worker_exit = function() os.exit(status) end })
      assert.is_false(ok, "an exit with status " .. status .. " was not noticed")
      assert.are.equal("crash", err.kind)
      assert.are.equal(status, err.exit_code)
      assert.matches("worker_exit", err.message)
      assert.are.same({ 1, 2, n = 2 }, err.results[1])
    end
  end)

  it("misuse: functions", function()
    refused_by_maps("worker_init", 5, "init", {}, true)
    refused_by_maps("worker_exit", 5, "exit", {}, true)
    refused_by_apply("worker_init", 5, {})
    refused_by_apply("worker_exit", "exit", true)
  end)
end)

describe("timeouts", function()
  helper.guard()

  it("of init and exit count for single tasks, too", function()
    local function late() core.sleep(60) end
    local pool = WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.apply, pool, same, { 1 },
      { worker_init = late, worker_init_timeout = 0.2 })
    assert.is_false(ok)
    assert.matches("worker_init timed out after 0.2 seconds", err.message)
    local result = pool:apply_async(same, { 1 }, { worker_exit = late, worker_exit_timeout = 0.2 })
    ok, err = pcall(pool.stop_and_join, pool)
    assert.is_false(ok)
    assert.matches("worker_exit timed out after 0.2 seconds", err.message)
    assert.are.equal(1, result:get())
  end)

  it("each task has its own among several", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local function nap(seconds)
      core.sleep(seconds)
      return "rested"
    end
    local long = pool:apply_async(nap, { 1 }, { task_timeout = 30 })
    local short = pool:apply_async(nap, { 60 }, { task_timeout = 0.2 })
    local free = pool:apply_async(nap, { 1 })
    local ok, err = pcall(short.get, short)
    assert.is_false(ok)
    assert.are.equal("timeout", err.kind)
    assert.are.equal("rested", long:get())
    assert.are.equal("rested", free:get())
  end)

  it("work on every worker at once, and in a lazy loop", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    local late = 0
    for i, v in pool:imap(function(x)
      if x <= 4 then core.sleep(60) end
      return x
    end, range(12), { task_timeout = 0.2, on_error = "collect", chunk_size = 1 }) do
      if workerpool.is_error(v) then
        late = late + 1
        assert.are.equal("timeout", v.kind)
        assert.are.equal(i, v.task_index)
      else
        assert.are.equal(i, v)
      end
    end
    assert.are.equal(4, late)
  end)

  it("misuse: seconds above 0", function()
    for _, name in ipairs { "task_timeout", "worker_init_timeout", "worker_exit_timeout" } do
      refused_by_maps(name, 0, -0.5, "1", true, math.huge, 0 / 0)
      refused_by_apply(name, 0, "1")
    end
  end)
end)

-- ---- apply ---------------------------------------------------------------------

describe("apply's options", function()
  helper.guard()

  it("arguments: a list, a packed list, a record, a single value, none", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local function show(...)
      local words = table.pack(...)
      for i = 1, words.n do words[i] = type(words[i]) end
      return table.concat(words, " ", 1, words.n)
    end
    assert.are.equal("number string", pool:apply(show, { 1, "a" }))
    assert.are.equal("nil number nil", pool:apply(show, table.pack(nil, 2, nil)))
    assert.are.equal("table", pool:apply(show, { { a = 1 } }))
    assert.are.equal("string", pool:apply(show, "a"))
    assert.are.equal("boolean", pool:apply(show, false))
    assert.are.equal("", pool:apply(show, {}))
    assert.are.equal("", pool:apply(show))
  end)

  it("a callback finds its result ready and may ask the pool for more", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local seen = {}
    local result
    result = pool:apply_async(same, { 1, 2 }, { callback = function(...)
      seen = { ready = result:ready(), successful = result:successful(), ... }
      seen.more = pool:apply(same, { "more" })
    end })
    assert.is_true(result:wait(20))
    assert.are.same({ 1, 2, ready = true, successful = true, more = "more" }, seen)
  end)

  it("misuse: callbacks are functions, retries are counted", function()
    refused_by_apply("callback", 5, "f", {})
    refused_by_apply("error_callback", 5, "f", {})
    refused_by_apply("retries", -1, 0.5, "2")
  end)
end)

describe("the end of a call by its own loop or callback", function()
  helper.guard()

  -- What ends a pool in the middle of its own call is told so in the words of
  -- the library, and the pool can be used again.
  local function ends_well(run)
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, err = pcall(run, pool)
    assert.is_false(ok)
    assert.is_true(workerpool.is_error(err), tostring(err))
    assert.are.equal("cancelled", err.kind)
    assert.are.same({}, helper.children())
    assert.are.same({ 5, n = 1 }, pool:map(same, { 5 }))
  end

  it("terminate in the body of a loop that goes on", function()
    ends_well(function(pool)
      for i in pool:imap(same, range(1000), { chunk_size = 1 }) do
        if i == 3 then pool:terminate() end
      end
    end)
  end)

  it("terminate in the body of a loop that is left then", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    for i in pool:imap(same, range(1000), { chunk_size = 1 }) do
      if i == 3 then
        pool:terminate()
        break
      end
    end
    assert.are.same({}, helper.children())
    assert.are.same({ 5, n = 1 }, pool:map(same, { 5 }))
  end)

  it("terminate in the iterator that gives the tasks", function()
    ends_well(function(pool)
      local n = 0
      pool:map(same, function()
        n = n + 1
        if n == 10 then pool:terminate() end
        return n < 20 and n or nil
      end, { chunk_size = 1 })
    end)
  end)

  it("terminate in on_error", function()
    ends_well(function(pool)
      pool:map(error, range(10), { chunk_size = 1, on_error = function()
        pool:terminate()
        return "skip"
      end })
    end)
  end)

  it("terminate in on_message", function()
    ends_well(function(pool)
      pool:map(function() workerpool.emit(1) end, range(10), { chunk_size = 1,
        on_message = function() pool:terminate() end })
    end)
  end)

  it("terminate in the function that is told about progress", function()
    ends_well(function(pool)
      pool:map(same, range(10), { chunk_size = 1,
        progress_bar = function(p) if p.done > 0 then pool:terminate() end end })
    end)
  end)

  it("stop_and_join in the body of a loop that goes on", function()
    ends_well(function(pool)
      for i in pool:imap(same, range(1000), { chunk_size = 1 }) do
        if i == 3 then pool:stop_and_join() end
      end
    end)
  end)
end)
