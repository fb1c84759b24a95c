-- Tasks whose tables the caller goes on using: what a task is given is what was there
-- when it was asked for.

local helper = require "spec.support.helper"
local copies = require "workerpool.copies"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local function sum_of(row) return row.x + row.inner[1] end

describe("An iterator that fills one table again and again", function()
  helper.guard()

  local N = 100

  -- As a cursor's `fetch(row)`; `wrap` makes an element of the row.
  local function cursor(wrap)
    local row, i = { inner = {} }, 0
    return function()
      i = i + 1
      if i > N then return nil end
      row.x, row.inner[1] = i, i / 2
      return wrap(row)
    end
  end

  local WRAPS = {
    ["the row"] = { function(row) return row end, sum_of },
    ["a list around it"] = { function(row) return { row } end, sum_of },
    ["several values"] = { function(row) return true, row end, function(_, row) return sum_of(row) end },
  }

  for name, case in pairs(WRAPS) do
    it("gives each task its own state, where it returns " .. name, function()
      local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
      for _, opts in ipairs { {}, { chunk_size = 1 }, { chunk_size = 7 }, { max_tasks_active = 3 } } do
        local sums = pool:map(case[2], cursor(case[1]), opts)
        assert.are.equal(N, sums.n)
        for i = 1, N do assert.are.equal(i + i / 2, sums[i]) end
      end
    end)
  end

  it("does so with single, and for chunk_tasks", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local sums = pool:map(sum_of, workerpool.single(cursor(function(row) return row, 1 end)),
      { chunk_size = 10 })
    for i = 1, N do assert.are.equal(i + i / 2, sums[i]) end
    local i = 0
    for chunk in workerpool.chunk_tasks(cursor(function(row) return row end), { chunk_size = 9 }) do
      for _, row in ipairs(chunk) do
        i = i + 1
        assert.are.equal(i + i / 2, sum_of(row))
      end
    end
    assert.are.equal(N, i)
  end)

  it("is not copied when it gives fresh ones", function()
    local made = {}
    local function fresh()
      if #made == 10 then return nil end
      made[#made + 1] = { #made }
      return made[#made]
    end
    local i = 0
    for chunk in workerpool.chunk_tasks(fresh, { chunk_size = 3 }) do
      for _, element in ipairs(chunk) do
        i = i + 1
        assert.are.equal(made[i], element)
      end
    end
  end)
end)

describe("apply_async with more tasks than there is room for", function()
  helper.guard()

  local N = 17000

  -- What N tasks return that are asked for while the worker waits.
  local function results_of(ask)
    local pool <close> = WorkerPool { n_jobs = 1 }
    local gate, results = workerpool.Event(), {}
    pool:apply_async(function(event) event:wait() end, { gate })
    for i = 1, N do results[i] = ask(pool, i) end
    assert.is_true(pool.queue:has_overflow())
    gate:set()
    for i = 1, N do results[i] = results[i]:get() end
    return results
  end

  local function in_order(results)
    for i = 1, N do
      if results[i] ~= i then return ("%s in place of %d"):format(results[i], i) end
    end
    return "in order"
  end

  it("sends arguments as they were", function()
    local row, f = { inner = {} }, function(t) return t.inner.x end
    assert.are.equal("in order", in_order(results_of(function(pool, i)
      row.inner.x = i
      return pool:apply_async(f, { row })
    end)))
  end)

  it("sends upvalues as they were", function()
    local x
    local function f() return x end
    assert.are.equal("in order", in_order(results_of(function(pool, i)
      x = i
      return pool:apply_async(f)
    end)))
  end)

  it("sends different functions", function()
    local function same(i) return i end
    local function negated(i) return -i end
    assert.are.equal("in order", in_order(results_of(function(pool, i)
      if i % 2 == 0 then return pool:apply_async(same, { i }) end
      return pool:apply_async(negated, { -i })
    end)))
  end)

  it("refuses what is too deep, and ends", function()
    local deep = {}
    for _ = 1, 300000 do deep = { deep } end
    local pool <close> = WorkerPool { n_jobs = 1 }
    local gate = workerpool.Event()
    pool:apply_async(function(event) event:wait() end, { gate })
    for i = 1, N do pool:apply_async(math.abs, { i }) end
    local result = pool:apply_async(type, { deep })
    gate:set()
    local ok, err = pcall(result.get, result)
    assert.is_false(ok)
    assert.are.equal("encode", err.kind)
  end)
end)

describe("A copy", function()
  local object = setmetatable({}, {})

  it("is equal, and of plain tables only", function()
    local value = { 1, { x = 0 / 0, [true] = "t" }, object }
    value.self = value
    local copy = copies.of(value)
    assert.is_true(copies.is_same(value, copy))
    assert.are_not.equal(value, copy)
    assert.are_not.equal(value[2], copy[2])
    assert.are.equal(object, copy[3])
    assert.are.equal(copy, copy.self)
  end)

  it("is not the same once something has changed", function()
    for _, change in ipairs {
      function(v) v[1] = 2 end, function(v) v[2].x = nil end, function(v) v[2].y = 1 end,
      function(v) v[2] = 7 end, function(v) v[3] = setmetatable({}, {}) end,
    } do
      local value = { 1, { x = 1 }, object }
      local copy = copies.of(value)
      assert.is_true(copies.is_same(value, copy))
      change(value)
      assert.is_false(copies.is_same(value, copy))
    end
  end)

  it("knows what is small", function()
    assert.is_true(copies.is_small({ 1, 2, { 3 } }, 4))
    assert.is_false(copies.is_small({ 1, 2, { 3 } }, 3))
    assert.is_true(copies.is_small("text", 0))
    local deep = {}
    for _ = 1, 300000 do deep = { deep } end
    assert.is_false(copies.is_small(deep, 10000))
  end)
end)
