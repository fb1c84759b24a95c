-- map and map_unordered: any form of tasks, results as lists.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local function square(x) return x * x end

describe("map", function()
  helper.guard()

  it("returns results in the order of the tasks", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    assert.are.same({ 1, 4, 9, 16, 25, n = 5 }, pool:map(square, { 1, 2, 3, 4, 5 }))
  end)

  it("takes a range, which is never built as a list", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local squares = pool:map(square, workerpool.range(1000))
    assert.are.equal(1000, squares.n)
    for i = 1, 1000 do assert.are.equal(i * i, squares[i]) end
  end)

  it("takes ranges with bounds, steps and floats", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local function same(x) return x end
    assert.are.same({ 5, 3, 1, n = 3 }, pool:map(same, workerpool.range(5, 1, -2)))
    local floats = pool:map(same, workerpool.range(0.5, 2.5, 0.5))
    assert.are.same({ 0.5, 1.0, 1.5, 2.0, 2.5, n = 5 }, floats)
  end)

  it("takes an iterator function until it returns nil", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local i = 0
    local squares = pool:map(square, function()
      i = i + 1
      return i <= 50 and i or nil
    end)
    assert.are.equal(50, squares.n)
    assert.are.equal(2500, squares[50])
  end)

  it("gives the values of an iterator as arguments", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local sums = pool:map(function(k, v) return k .. "=" .. v end,
      ("a=1,b=2,c=3"):gmatch("(%w)=(%w)"))
    assert.are.same({ "a=1", "b=2", "c=3", n = 3 }, sums)
  end)

  it("takes any object that has a length and an index", function()
    local object = setmetatable({}, {
      __len = function() return 4 end,
      __index = function(_, i) return 10 * i end,
    })
    local pool <close> = WorkerPool { n_jobs = 2 }
    assert.are.same({ 100, 400, 900, 1600, n = 4 }, pool:map(square, object))
  end)

  it("gives an empty list for no tasks", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    assert.are.same({ n = 0 }, pool:map(square, {}))
    assert.are.same({ n = 0 }, pool:map(square, function() return nil end))
    assert.are.same({ n = 0 }, pool:map(square, workerpool.range(0)))
  end)

  it("returns a list for each value that the function returns", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local quotients, remainders = pool:map(function(a, b) return a // b, a % b end,
      { { 7, 2 }, { 9, 3 }, { 11, 4 } })
    assert.are.same({ 3, 3, 2, n = 3 }, quotients)
    assert.are.same({ 1, 0, 3, n = 3 }, remainders)
  end)

  it("keeps the place of nil results", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local odd = pool:map(function(x) if x % 2 == 1 then return x end end,
      workerpool.range(6))
    assert.are.equal(6, odd.n)
    assert.are.same({ 1, nil, 3, nil, 5, nil, n = 6 }, odd)
  end)

  it("fills further lists only where there are further values", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local first, second = pool:map(function(x)
      if x == 2 then return "a", "b" end
      return x
    end, { 1, 2, 3 })
    assert.are.same({ 1, "a", 3, n = 3 }, first)
    assert.are.same({ nil, "b", nil, n = 3 }, second)
  end)

  it("gives one list when nothing is returned at all", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local lists = table.pack(pool:map(function() end, { 1, 2 }))
    assert.are.equal(1, lists.n)
    assert.are.same({ n = 2 }, lists[1])
  end)

  it("can be called again and again on one pool", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    for round = 1, 5 do
      local list = pool:map(function(x) return x + round end, { 1, 2, 3 })
      assert.are.same({ 1 + round, 2 + round, 3 + round, n = 3 }, list)
    end
  end)

  it("carries results larger than any pipe, many at a time", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local size = 3 * 1024 * 1024
    local list = pool:map(function(s, c) return #s, c:rep(size) end,
      function()
        return nil
      end)
    assert.are.equal(0, list.n)
    local big = ("x"):rep(size)
    local lengths, texts = pool:map(function(s, c) return #s, c:rep(size) end,
      { { big, "a" }, { big, "b" }, { big, "c" }, { big, "d" } })
    for i, c in ipairs { "a", "b", "c", "d" } do
      assert.are.equal(size, lengths[i])
      assert.is_true(texts[i] == c:rep(size))
    end
  end)

  it("leaves the caller's tasks as they were", function()
    local tasks = { { 1, 2 }, { 3, 4 } }
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(function(a, b) return a + b end, tasks)
    assert.are.same({ { 1, 2 }, { 3, 4 } }, tasks)
  end)

  it("gives every task fresh arguments", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local one = { list = { 1 } }
    local lengths = pool:map(function(t)
      t.list[#t.list + 1] = true
      return #t.list
    end, { one, one, one }, { chunk_size = 3 })
    assert.are.same({ 2, 2, 2, n = 3 }, lengths)
  end)

  it("refuses what is no function and what are no tasks", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    assert.has_error(function() pool:map(nil, {}) end)
    local ok, message = pcall(pool.map, pool, square, "abc")
    assert.is_false(ok)
    assert.matches("tasks must be a list, a range or an iterator function, got a string", message)
    ok, message = pcall(pool.map, pool, 5, {})
    assert.is_false(ok)
    assert.matches("map: wanted a function, got a number", message)
  end)

  it("passes on what the iterator raises, and works again", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local i = 0
    local ok, message = pcall(pool.map, pool, square, function()
      i = i + 1
      if i == 20 then error("the source is dry", 0) end
      return i
    end)
    assert.is_false(ok)
    assert.are.equal("the source is dry", message)
    assert.are.same({ 1, n = 1 }, pool:map(square, { 1 }))
  end)
end)

describe("map_unordered", function()
  helper.guard()

  it("returns every result once, in the order of completion", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map_unordered(square, workerpool.range(500))
    assert.are.equal(500, list.n)
    table.sort(list)
    for i = 1, 500 do assert.are.equal(i * i, list[i]) end
  end)

  it("lets a short task overtake a long one", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map_unordered(function(x)
      if x == 1 then require("workerpool.core").sleep(0.3) end
      return x
    end, { 1, 2, 3 }, { chunk_size = 1 })
    assert.are.same({ 2, 3, 1, n = 3 }, list)
  end)
end)
