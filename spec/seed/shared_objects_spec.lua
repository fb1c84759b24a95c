-- The samples of MPIRE's first manual, section by section, as they read in
-- Lua: "Shared objects" and "Accessing the worker ID". Elements of a shared
-- array count from 1.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool
local Array, Value = workerpool.Array, workerpool.Value
local range = workerpool.range

-- index, x for each x from 0 to 99.
local function enumerated()
  local idx = 0
  return function()
    idx = idx + 1
    if idx <= 100 then return idx, idx - 1 end
  end
end

local function square_with_index(shared_objects, idx, x)
  local results_container = shared_objects
  results_container[idx] = x * x
end

local function square_add_and_modulo_with_index(shared_objects, idx, x)
  local square_results_container, add_results_container = table.unpack(shared_objects)
  square_results_container[idx] = x * x
  add_results_container[idx] = x + x
  return x % 2
end

local function square_sum(worker_id, shared_objects, x)
  local results_container = shared_objects
  results_container[worker_id + 1] = results_container[worker_id + 1] + x * x
end

describe("Shared objects,", function()
  helper.guard()

  it("sample 1.1: a shared array of 100 floats takes the results", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    local results_container = Array("f", 100, { lock = false })
    pool:set_shared_objects(results_container)
    pool:map_unordered(square_with_index, enumerated(), { iterable_len = 100 })
    assert.are.equal(100, #results_container)
    for i = 1, 100 do assert.are.equal((i - 1) ^ 2, results_container[i]) end
  end)

  it("sample 1.2: two shared arrays, and a value is returned besides", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    local square_results_container = Array("f", 100, { lock = false })
    local add_results_container = Array("f", 100, { lock = false })
    pool:set_shared_objects { square_results_container, add_results_container }
    local modulo_results = pool:map(square_add_and_modulo_with_index, enumerated(),
      { iterable_len = 100, restart_workers = true })
    assert.are.equal(100, modulo_results.n)
    for i = 1, 100 do
      assert.are.equal((i - 1) % 2, modulo_results[i])
      assert.are.equal((i - 1) ^ 2, square_results_container[i])
      assert.are.equal(2.0 * (i - 1), add_results_container[i])
    end
  end)

  it("sample 1: both, one after the other on one pool", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    local one = Array("f", 100, { lock = false })
    pool:set_shared_objects(one)
    pool:map_unordered(square_with_index, enumerated(), { iterable_len = 100 })
    local two, three = Array("f", 100, { lock = false }), Array("f", 100, { lock = false })
    pool:set_shared_objects { two, three }
    pool:map(square_add_and_modulo_with_index, enumerated(),
      { iterable_len = 100, restart_workers = true })
    assert.are.equal(9801.0, one[100])
    assert.are.equal(9801.0, two[100])
    assert.are.equal(198.0, three[100])
  end)

  it("sample 1: the same on workers that are kept", function()
    local pool <close> = WorkerPool { n_jobs = 4, keep_alive = true }
    pool:map(tostring, range(4), { chunk_size = 1 })
    local results_container = Array("f", 100, { lock = false })
    pool:set_shared_objects(results_container)
    pool:map_unordered(square_with_index, enumerated(), { iterable_len = 100 })
    assert.are.equal(9801.0, results_container[100])
  end)

  it("a large table is read by all workers and copied by none who only reads", function()
    local data = {}
    for i = 1, 100000 do data[i] = i end
    local pool <close> = WorkerPool { n_jobs = 4, shared_objects = data }
    local sums = pool:map(function(shared, first)
      local sum = 0
      for i = first, first + 24999 do sum = sum + shared[i] end
      return sum
    end, { 1, 25001, 50001, 75001 })
    assert.are.equal(100000 * 100001 // 2, sums[1] + sums[2] + sums[3] + sums[4])
    assert.are.equal(1, data[1])
  end)

  it("a shared value counts what all workers do", function()
    local total = Value("l", 0)
    local pool <close> = WorkerPool { n_jobs = 4, shared_objects = total }
    pool:map(function(shared, x)
      shared:lock()
      shared.value = shared.value + x
      shared:unlock()
    end, range(1000))
    assert.are.equal(500500, total.value)
  end)

  it("in place of a manager's dictionary: a shared map", function()
    local results = workerpool.Dict()
    local pool <close> = WorkerPool { n_jobs = 4, shared_objects = results }
    pool:map(function(shared, x) shared["square of " .. x] = x * x end, range(100))
    for x = 1, 100 do assert.are.equal(x * x, results["square of " .. x]) end
  end)
end)

describe("Accessing the worker ID,", function()
  helper.guard()

  it("sample 1: each worker adds to an element of its own", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    local results_container = Array("f", 4, { lock = false })
    pool:set_shared_objects(results_container)
    pool:pass_on_worker_id(true)
    pool:map_unordered(square_sum, range(0, 99), { iterable_len = 100 })
    local sum = 0
    for i = 1, 4 do sum = sum + results_container[i] end
    assert.are.equal(328350.0, sum)
  end)

  it("sample 1: which id is which", function()
    local pool <close> = WorkerPool { n_jobs = 4, order_tasks = true }
    local seen = Array("i", 4, { lock = false })
    pool:set_shared_objects(seen)
    pool:pass_on_worker_id(true)
    pool:map(function(worker_id, shared, x) shared[worker_id + 1] = x end,
      { 10, 11, 12, 13 }, { chunk_size = 1 })
    assert.are.same({ 10, 11, 12, 13 }, { seen[1], seen[2], seen[3], seen[4] })
  end)

  it("is not passed unless it is asked for, and no more when it is switched off", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    local function count(...) return select("#", ...) end
    assert.are.same({ 1, n = 1 }, pool:map(count, { "x" }))
    pool:pass_on_worker_id(true)
    assert.are.same({ 2, n = 1 }, pool:map(count, { "x" }))
    pool:pass_on_worker_id(false)
    assert.are.same({ 1, n = 1 }, pool:map(count, { "x" }))
  end)
end)
