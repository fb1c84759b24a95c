-- The samples of MPIRE's first manual, section by section, as they read in
-- Lua: "map family of functions" and what belongs to it. Where that manual
-- counts from 0, ranges here count from 1.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool
local range = workerpool.range

local function square(x) return x * x end
local function multiply(x, y) return x * y end

-- { x } for each x from 0 to n - 1, as an iterator without a length.
local function each_in_a_list(n)
  local x = -1
  return function()
    x = x + 1
    if x < n then return { x } end
  end
end

-- Two values at a time, as Python's zip of two ranges.
local function pairs_of_ranges(n)
  local x = -1
  return function()
    x = x + 1
    if x < n then return { x, 100 + x } end
  end
end

local function squares(n)
  local list = { n = n }
  for i = 1, n do list[i] = (i - 1) * (i - 1) end
  return list
end

local function products(n)
  local list = { n = n }
  for i = 1, n do list[i] = (i - 1) * (99 + i) end
  return list
end

describe("map family of functions,", function()
  helper.guard()

  it("the four of them give the same values", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    local expected = squares(100)
    assert.are.same(expected, pool:map(square, range(0, 99)))
    local lists = { pool:map_unordered(square, range(0, 99)), { n = 0 }, { n = 0 } }
    for name, list in pairs { imap = lists[2], imap_unordered = lists[3] } do
      for i, v in pool[name](pool, square, range(0, 99)) do
        list.n = list.n + 1
        list[list.n] = v
        assert.are.equal(expected[i], v)
      end
    end
    assert.are.same(expected, lists[2])
    for _, list in ipairs(lists) do
      table.sort(list)
      assert.are.same(expected, list)
    end
  end)

  it("with one worker the unordered ones keep the order", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    assert.are.same(squares(300), pool:map_unordered(square, range(0, 299)))
    local last = 0
    for i in pool:imap_unordered(square, range(300)) do
      assert.are.equal(last + 1, i)
      last = i
    end
    assert.are.equal(300, last)
  end)

  it("sample 1.1: a plain number is one argument here, so this does not fail", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    assert.are.same(squares(100), pool:map(square, range(0, 99)))
  end)

  it("sample 1.2: each number in a list of its own", function()
    local tasks = {}
    for x = 0, 99 do tasks[x + 1] = { x } end
    local pool <close> = WorkerPool { n_jobs = 4 }
    assert.are.same(squares(100), pool:map(square, tasks))
  end)

  it("sample 1.3: several arguments, lazily", function()
    local tasks = {}
    for x = 0, 99 do tasks[x + 1] = { x, 100 + x } end
    local pool <close> = WorkerPool { n_jobs = 4 }
    local results = { n = 0 }
    for i, result in pool:imap(multiply, tasks) do
      results.n, results[i] = i, result
    end
    assert.are.same(products(100), results)
  end)
end)

describe("Manual chunking,", function()
  helper.guard()

  it("sample 1.1: an iterator needs no length here, so this does not fail", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    assert.are.same(squares(100), pool:map(square, each_in_a_list(100)))
  end)

  it("sample 1.2: an iterator with its length", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    assert.are.same(squares(100), pool:map(square, each_in_a_list(100), { iterable_len = 100 }))
  end)

  it("sample 1.3: an iterator with a chunk size", function()
    local pool <close> = WorkerPool { n_jobs = 4, pass_worker_id = true, order_tasks = true }
    local ids, list = pool:map(function(id, x) return id, square(x) end,
      each_in_a_list(100), { chunk_size = 4 })
    assert.are.same(squares(100), list)
    for i = 1, 100 do assert.are.equal((i - 1) // 4 % 4, ids[i]) end
  end)

  it("a coroutine is an iterator, too", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    local list = pool:map(square, coroutine.wrap(function()
      for x = 0, 99 do coroutine.yield(x) end
    end), { iterable_len = 100 })
    assert.are.same(squares(100), list)
  end)
end)

describe("Maximum number of active tasks,", function()
  helper.guard()

  -- Endless, and counts how far it has been pulled.
  local function endless()
    local state = { pulled = 0 }
    return function()
      state.pulled = state.pulled + 1
      return { state.pulled }
    end, state
  end

  it("sample 1: more tasks than anybody can count, never more than eight active", function()
    local tasks, state = endless()
    local pool <close> = WorkerPool { n_jobs = 4 }
    for i, result in pool:imap(square, tasks, { iterable_len = 1e300, max_tasks_active = 2 * 4 }) do
      assert.are.equal(i * i, result)
      assert.is_true(state.pulled - i < 8, ("pulled %d at result %d"):format(state.pulled, i))
      if i == 2000 then break end
    end
    assert.is_true(state.pulled < 2008)
  end)

  it("sample 1: the same with map, which ends when the iterator does", function()
    local active, most = 0, 0
    local x = 0
    local pool <close> = WorkerPool { n_jobs = 4 }
    local list = pool:map(function(v)
      workerpool.emit()
      return v * v
    end, function()
      if x == 400 then return nil end
      x, active = x + 1, active + 1
      most = math.max(most, active)
      return { x }
    end, {
      iterable_len = 1e300, max_tasks_active = 2 * 4,
      on_message = function() active = active - 1 end,
    })
    assert.are.equal(400, list.n)
    assert.are.equal(160000, list[400])
    assert.is_true(most <= 8, "active were " .. most)
  end)

  it("with a slow consumer nothing is pulled ahead of the limit", function()
    local tasks, state = endless()
    local pool <close> = WorkerPool { n_jobs = 2 }
    for i in pool:imap(square, tasks, { max_tasks_active = 3, chunk_size = 1 }) do
      core.sleep(0.02)
      assert.is_true(state.pulled - i < 3)
      if i == 20 then break end
    end
  end)
end)

describe("Worker lifespan,", function()
  helper.guard()

  it("sample 1: every worker is replaced after a chunk", function()
    local pool <close> = WorkerPool { n_jobs = 4, use_worker_state = true }
    local lives, list = pool:map(function(state, x)
      state.chunks = (state.chunks or 0) + 1
      return state.chunks, square(x)
    end, each_in_a_list(100), { iterable_len = 100, worker_lifespan = 1, chunk_size = 1 })
    assert.are.same(squares(100), list)
    for i = 1, 100 do assert.are.equal(1, lives[i]) end
  end)

  it("sample 1: as it stands there, with chunks of the pool's choice", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    assert.are.same(squares(100), pool:map(square, each_in_a_list(100),
      { iterable_len = 100, worker_lifespan = 1 }))
  end)

  it("works for all four of the map family", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    local opts = { worker_lifespan = 2, chunk_size = 1 }
    assert.are.same(squares(50), pool:map(square, range(0, 49), opts))
    local list = pool:map_unordered(square, range(0, 49), opts)
    table.sort(list)
    assert.are.same(squares(50), list)
    for _, name in ipairs { "imap", "imap_unordered" } do
      local n = 0
      for i, v in pool[name](pool, square, range(50), opts) do
        assert.are.equal(i * i, v)
        n = n + 1
      end
      assert.are.equal(50, n)
    end
  end)
end)

describe("Restarting workers,", function()
  helper.guard()

  local function with_pid(f)
    return function(...)
      core.sleep(0.005)
      return f(...), core.getpid()
    end
  end

  local function set_of(list)
    local set = {}
    for i = 1, list.n do set[list[i]] = true end
    return set
  end

  it("sample 1: one pool, three calls", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    assert.are.same(squares(100), pool:map(square, each_in_a_list(100),
      { iterable_len = 100, worker_lifespan = 1 }))
    assert.are.same(squares(100), pool:map(square, each_in_a_list(100),
      { iterable_len = 100, worker_lifespan = 2, restart_workers = false }))
    assert.are.same(products(100), pool:map(multiply, pairs_of_ranges(100),
      { iterable_len = 100, worker_lifespan = 2, restart_workers = true }))
  end)

  it("sample 1.2: live workers are used again, also for another function", function()
    local pool <close> = WorkerPool { n_jobs = 4, keep_alive = true }
    local _, pids = pool:map(with_pid(square), range(40), { chunk_size = 1 })
    local first = set_of(pids)
    local list
    list, pids = pool:map(with_pid(multiply), pairs_of_ranges(40),
      { iterable_len = 40, chunk_size = 1, restart_workers = false })
    assert.are.same(products(40), list)
    for pid in pairs(set_of(pids)) do assert.is_true(first[pid]) end
  end)

  it("sample 1.3: fresh workers when they are asked for", function()
    local pool <close> = WorkerPool { n_jobs = 4, keep_alive = true }
    local _, pids = pool:map(with_pid(square), range(40), { chunk_size = 1 })
    local first = set_of(pids)
    local list
    list, pids = pool:map(with_pid(multiply), pairs_of_ranges(40),
      { iterable_len = 40, chunk_size = 1, restart_workers = true })
    assert.are.same(products(40), list)
    for pid in pairs(set_of(pids)) do assert.is_nil(first[pid]) end
    assert.are.equal(4, #helper.children())
  end)
end)
