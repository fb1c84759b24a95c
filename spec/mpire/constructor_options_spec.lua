-- The options of MPIRE 2.10's pool, by what they do and how they are refused.
-- What the other specs show already is not shown again; start methods and
-- insights have specs of their own.

local helper = require "spec.support.helper"
local refusals = require "spec.support.refusals"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool
local range = workerpool.range
local same = refusals.same
local note = refusals.note
local lines_of = refusals.lines_of
local refusal = refusals.refusal

local function refused_by_constructor(name, ...)
  for _, wrong in ipairs { ... } do
    local message = refusal(function() WorkerPool { [name] = wrong } end)
    assert.matches("WorkerPool: option '" .. name .. "': wanted .*, got ", message)
  end
end

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
    local earlier = pool:apply_async(function(s)
      core.sleep(0.2)
      return s
    end)
    pool:set_shared_objects("new")
    assert.are.same({ "new", n = 1 }, pool:map(same, { { n = 0 } }))
    assert.are.equal("old", earlier:get())
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
