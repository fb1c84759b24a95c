-- Tasks cut into lists.

local chunk_tasks = require("workerpool.chunk").chunk_tasks
local range = require("workerpool.range").new

-- An iterator over 1 … n.
local function counter(n)
  local i = 0
  return function()
    i = i + 1
    if i <= n then return i end
  end
end

describe("chunk_tasks", function()
  local function sizes(tasks, opts)
    local list = {}
    for c in chunk_tasks(tasks, opts) do list[#list + 1] = c.n end
    return list
  end

  it("cuts by size", function()
    assert.same({ 4, 4, 2 }, sizes(range(10), { chunk_size = 4 }))
    assert.same({ 4, 4, 2 }, sizes(counter(10), { chunk_size = 4 }))
    assert.same({}, sizes({}, { chunk_size = 4 }))
  end)

  it("carries the fraction of a size", function()
    assert.same({ 3, 2, 3, 2 }, sizes(range(10), { chunk_size = 2.5 }))
    assert.same({ 2, 1, 1, 1, 1, 2, 1, 1 }, sizes(range(10), { chunk_size = 1.2 }))
  end)

  it("cuts into a number of parts", function()
    assert.same({ 4, 3, 3 }, sizes(range(10), { n_splits = 3 }))
    assert.same({ 1, 1, 1 }, sizes({ 1, 2, 3 }, { n_splits = 9 }))
    assert.same({ 10 }, sizes(range(10), { n_splits = 1 }))
    assert.same({}, sizes({}, { n_splits = 3 }))
    assert.same({ 2, 2, 2, 2 }, sizes(counter(10), { n_splits = 4, iterable_len = 8 }))
  end)

  it("gives every number of parts exactly, and parts that differ by one at most", function()
    for length = 1, 60 do
      for parts = 1, length do
        local list = sizes(range(length), { n_splits = parts })
        local least, most, sum = length, 0, 0
        for _, n in ipairs(list) do
          least, most, sum = math.min(least, n), math.max(most, n), sum + n
        end
        assert.equal(parts, #list)
        assert.equal(length, sum)
        assert.is_true(most - least <= 1)
      end
    end
  end)

  it("prefers the size when both are given", function()
    assert.same({ 5, 5 }, sizes(range(10), { chunk_size = 5, n_splits = 9 }))
  end)

  it("gives fresh lists with their length, holes kept", function()
    local given = { 1, nil, 3, n = 3 }
    local all = {}
    for c in chunk_tasks(given, { chunk_size = 2 }) do all[#all + 1] = c end
    assert.same({ { 1, nil, n = 2 }, { 3, n = 1 } }, all)
    assert.not_equal(given, chunk_tasks(given, { chunk_size = 9 })())
  end)

  it("takes a size beyond all bounds as one chunk", function()
    assert.same({ 10 }, sizes(range(10), { chunk_size = 1e300 }))
    assert.same({ 10 }, sizes(counter(10), { chunk_size = 1e300 }))
  end)

  it("refuses parts without a length, and neither size nor parts", function()
    assert.has_error(function() chunk_tasks(counter(3), { n_splits = 2 }) end,
      "chunk_tasks: n_splits needs a length: give iterable_len, or chunk_size")
    assert.has_error(function() chunk_tasks { 1 } end,
      "chunk_tasks: give chunk_size or n_splits")
    assert.has_error(function() chunk_tasks({ 1 }, { size = 2 }) end,
      "chunk_tasks: unknown option 'size' (did you mean 'chunk_size'?)")
    assert.has_error(function() chunk_tasks("x", { chunk_size = 2 }) end,
      "chunk_tasks: tasks must be a list, a range or an iterator function, got a string")
  end)
end)
