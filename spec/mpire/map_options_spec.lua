-- The options of MPIRE 2.10's maps, by what they do and how they are refused.
-- What the other specs show already is not shown again; progress bars have
-- specs of their own.

local helper = require "spec.support.helper"
local refusals = require "spec.support.refusals"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool
local range = workerpool.range
local same = refusals.same
local note = refusals.note
local lines_of = refusals.lines_of
local refused_by_maps = refusals.refused_by_maps
local refused_by_apply = refusals.refused_by_apply

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

describe("timeouts", function()
  helper.guard()

  local function late() core.sleep(60) end

  it("of init counts for single tasks, too", function()
    local pool = WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.apply, pool, same, { 1 },
      { worker_init = late, worker_init_timeout = 0.2 })
    assert.is_false(ok)
    assert.matches("worker_init timed out after 0.2 seconds", err.message)
    pool:terminate()
  end)

  it("of exit counts for single tasks, too", function()
    local pool = WorkerPool { n_jobs = 1 }
    local result = pool:apply_async(same, { 1 }, { worker_exit = late, worker_exit_timeout = 0.2 })
    local ok, err = pcall(pool.stop_and_join, pool)
    assert.is_false(ok)
    assert.matches("worker_exit timed out after 0.2 seconds", err.message)
    assert.are.equal(1, result:get())
    assert.are.same({}, helper.children())
  end)

  it("each task has its own among several", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local function nap(seconds)
      core.sleep(seconds)
      return "rested"
    end
    local began = helper.now()
    local long = pool:apply_async(nap, { 1 }, { task_timeout = 25 })
    local short = pool:apply_async(nap, { 60 }, { task_timeout = 0.2 })
    local free = pool:apply_async(nap, { 1 })
    local ok, err = pcall(short.get, short)
    assert.is_false(ok)
    assert.are.equal("timeout", err.kind)
    assert.is_true(helper.now() - began < 15 * helper.scale)
    assert.are.equal("rested", long:get())
    assert.are.equal("rested", free:get())
  end)

  it("a shorter one counts on kept workers after a longer one", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    pool:map(same, range(10), { task_timeout = 25 })
    local began = helper.now()
    local ok, err = pcall(pool.map, pool, core.sleep, { 60 }, { task_timeout = 0.2 })
    assert.is_false(ok)
    assert.are.equal("timeout", err.kind)
    assert.is_true(helper.now() - began < 15 * helper.scale)
  end)

  it("work on every worker at once, and in a lazy loop", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    local n_late = 0
    for i, v in pool:imap(function(x)
      if x <= 4 then core.sleep(60) end
      return x
    end, range(12), { task_timeout = 0.2, on_error = "collect", chunk_size = 1 }) do
      if workerpool.is_error(v) then
        n_late = n_late + 1
        assert.are.equal("timeout", v.kind)
        assert.are.equal(i, v.task_index)
      else
        assert.are.equal(i, v)
      end
    end
    assert.are.equal(4, n_late)
  end)

  it("misuse: seconds above 0", function()
    for _, name in ipairs { "task_timeout", "worker_init_timeout", "worker_exit_timeout" } do
      refused_by_maps(name, 0, -0.5, "1", true, math.huge, 0 / 0)
      refused_by_apply(name, 0, "1")
    end
  end)
end)
