-- Ranges, single, chunk_tasks, and the sources that the pool takes from.

local chunk = require "workerpool.chunk"

local range, single = chunk.range, chunk.single

-- An iterator over 1 … n that counts its calls in calls[1].
local function counter(n, calls)
  local i = 0
  return function()
    if calls then calls[1] = (calls[1] or 0) + 1 end
    i = i + 1
    if i <= n then return i end
  end
end

local function elements(list)
  local out = {}
  for i = 1, #list do out[i] = list[i] end
  return out
end

describe("a range", function()
  it("counts from 1, or between two numbers, or in steps", function()
    assert.same({ 1, 2, 3 }, elements(range(3)))
    assert.same({ 4, 5 }, elements(range(4, 5)))
    assert.same({ 1, 4, 7, 10 }, elements(range(1, 10, 3)))
    assert.same({ 3, 2, 1 }, elements(range(3, 1, -1)))
    assert.same({ 5, 3 }, elements(range(5, 2, -2)))
  end)

  it("may be empty", function()
    assert.equal(0, #range(0))
    assert.equal(0, #range(-5))
    assert.equal(0, #range(1, 2, -1))
    assert.equal(0, #range(2.0, 1.5, 1))
  end)

  it("has integers or floats as the numeric for has", function()
    for _, case in ipairs { { 1, 3.5 }, { 1, 3, 1.0 }, { 1.0, 3 }, { 0, 1, 0.25 }, { 3, 0.5, -1 } } do
      local expected = {}
      for i = case[1], case[2], case[3] or 1 do expected[#expected + 1] = i end
      local got = elements(range(case[1], case[2], case[3]))
      assert.same(expected, got)
      assert.equal(math.type(expected[1]), math.type(got[1]))
    end
  end)

  it("is indexed by its numbers only", function()
    local r = range(3)
    assert.equal(2, r[2.0])
    for _, key in ipairs { 0, 4, -1, 1.5, "1", "n", "x", math.mininteger } do
      assert.is_nil(r[key])
    end
    local seen = {}
    for _, v in ipairs(r) do seen[#seen + 1] = v end
    assert.same({ 1, 2, 3 }, seen)
  end)

  it("tells its three numbers to whoever reads its fields raw", function()
    local r = range(2, 9, 3)
    assert.same({ 2, 3, 3 }, { rawget(r, "_first"), rawget(r, "_step"), rawget(r, "_count") })
    assert.equal("workerpool.range", getmetatable(r).__name)
    assert.equal("workerpool.range(2, 8, 3)", tostring(r))
  end)

  it("may be huge and overflows nowhere", function()
    local max, min = math.maxinteger, math.mininteger
    assert.equal(max, #range(1, max))
    assert.equal(max, range(1, max)[max])
    assert.equal(max, #range(1e300))
    assert.equal(max, #range(min, -2))
    assert.equal(6148914691236517206, #range(min, max, 3))
    assert.equal(max, range(min, max, 3)[#range(min, max, 3)])
    assert.same({ max, -1 }, elements(range(max, min, min)))
    assert.same({ min, min + max, min + max + max }, elements(range(min, max, max)))
    assert.same({ max - 1, max }, elements(range(max - 1, max)))
    assert.same({ min + 1, min }, elements(range(min + 1, min, -1)))
  end)

  it("refuses to be longer than an integer can count", function()
    assert.has_error(function() range(0, math.maxinteger) end, "range: more numbers than can be counted")
    assert.has_error(function() range(1.5, math.huge) end, "range: more numbers than can be counted")
  end)

  it("refuses what is no number, and a step of 0", function()
    assert.has_error(function() range("3") end, "range: 'limit' must be a number, got \"3\" (a string)")
    assert.has_error(function() range() end, "range: 'limit' must be a number, got nil")
    assert.has_error(function() range(1, 0 / 0) end, "range: 'limit' must be a number, got nan")
    assert.has_error(function() range({}, 1) end, "range: 'start' must be a number, got {} (a table)")
    assert.has_error(function() range(1, 2, "x") end, "range: 'step' must be a number, got \"x\" (a string)")
    assert.has_error(function() range(1, 2, 0) end, "range: 'step' is zero")
    assert.has_error(function() range(1, 2, 0.0) end, "range: 'step' is zero")
  end)
end)

describe("an element", function()
  local function arguments(element, whole)
    return table.pack(chunk.unpack_arguments(element, whole))
  end

  it("that is a list without metatable becomes its arguments", function()
    assert.same({ 1, 2, n = 2 }, arguments { 1, 2 })
    assert.same({ nil, 2, nil, n = 3 }, arguments { nil, 2, n = 3 })
    assert.same({ n = 0 }, arguments { n = 0 })
    assert.same({ false, n = 1 }, arguments { false })
  end)

  it("of any other kind is one argument", function()
    local record, object = { x = 1 }, setmetatable({ 1, 2 }, {})
    for _, v in ipairs { 5, "s", false, record, object, range(3), print } do
      assert.same({ v, n = 1 }, arguments(v))
    end
    local empty = {}
    assert.equal(empty, arguments(empty)[1])
  end)

  it("is never unpacked when it is to stay whole", function()
    local list = { 1, 2 }
    assert.equal(list, arguments(list, true)[1])
    assert.equal(1, arguments(list, true).n)
  end)

  it("with a field n that is no length counts by its border", function()
    assert.same({ 1, 2, n = 2 }, arguments { 1, 2, n = "x" })
    assert.same({ 1, 2, n = 2 }, arguments { 1, 2, n = -1 })
  end)
end)

describe("single", function()
  it("keeps length and elements of a list, and its laziness", function()
    local reads = 0
    local lazy = setmetatable({}, {
      __len = function() return 3 end,
      __index = function(_, i) reads = reads + 1; return i end,
    })
    local wrapped = single(lazy)
    assert.equal(3, #wrapped)
    assert.equal(0, reads)
    assert.equal(2, wrapped[2])
    assert.equal(3, #single { nil, nil, nil, n = 3 })
  end)

  it("is an iterator over first values when it wraps an iterator", function()
    local i = 0
    local wrapped = single(function() i = i + 1; if i < 3 then return i, "more" end end)
    assert.same({ 1, n = 1 }, table.pack(wrapped()))
    local rest = {}
    for v in wrapped do rest[#rest + 1] = v end
    assert.same({ 2 }, rest)
  end)

  it("wraps once", function()
    local once = single { 1 }
    assert.equal(once, single(once))
  end)

  it("refuses what holds no tasks", function()
    assert.has_error(function() single(5) end, "single: wanted a list or an iterator function, got 5")
    assert.has_error(function() single(nil) end)
  end)
end)

describe("a source", function()
  it("hands out the user's own list, piece by piece", function()
    local list = { "a", "b", "c" }
    local source = chunk.source(list)
    assert.equal("list", source.kind)
    assert.equal(3, source.length)
    assert.is_false(source.single)
    assert.same({ list, 1, 2 }, { source:take(2) })
    assert.equal(list, (source:take(2)))
    assert.equal(3, source.taken)
    assert.equal(0, select(3, source:take(2)))
    assert.is_true(source:exhausted())
  end)

  it("counts a list by n if it has that field, holes and all", function()
    assert.equal(4, chunk.source({ nil, nil, 1, n = 4 }).length)
    assert.equal(0, chunk.source({ n = 0 }).length)
    assert.equal(2, chunk.source({ 1, 2, 3, n = 2.0 }).length)
  end)

  it("hands out numbers for a range", function()
    local source = chunk.source(range(10, 30, 5))
    assert.equal("range", source.kind)
    assert.same({ 10, 5, 2 }, { source:take_range(2) })
    assert.same({ 20, 5, 3 }, { source:take_range(9) })
    assert.equal(0, select(3, source:take_range(1)))
    assert.same({ { 10, 15, n = 2 }, 1, 2 }, { chunk.source(range(10, 30, 5)):take(2) })
  end)

  it("hands out a range of floats as a list, so that chunks change no bit of it", function()
    local r = range(0, 1, 0.1)
    local source = chunk.source(r)
    assert.equal("list", source.kind)
    source:take(3)
    local list, first = source:take(2)
    assert.equal(r[4], list[first])
  end)

  it("does not overflow with a huge range", function()
    local source = chunk.source(range(1, math.maxinteger))
    assert.same({ 1, 1, math.maxinteger - 1 }, { source:take_range(math.maxinteger - 1) })
    assert.same({ math.maxinteger, 1, 1 }, { source:take_range(math.maxinteger) })
  end)

  it("copies the elements of an object with __len", function()
    local object = setmetatable({}, {
      __len = function() return 3 end, __index = function(_, i) return i * 10 end,
    })
    local source = chunk.source(object)
    assert.equal("list", source.kind)
    assert.same({ { 10, 20, n = 2 }, 1, 2 }, { source:take(2) })
    assert.same({ { 30, n = 1 }, 1, 1 }, { source:take(2) })
    assert.equal(0, select(3, source:take(2)))
  end)

  it("takes a table with a class but without __len as the list it is", function()
    local list = setmetatable({ 1, 2 }, { __index = { sort = table.sort } })
    assert.equal(2, chunk.source(list).length)
  end)

  it("pulls an iterator as far as asked, and never after its end", function()
    local calls = {}
    local source = chunk.source(counter(5, calls))
    assert.equal("iterator", source.kind)
    assert.is_nil(source.length)
    assert.same({ { 1, 2, 3, n = 3 }, 1, 3 }, { source:take(3) })
    assert.equal(3, calls[1])
    assert.is_false(source:exhausted())
    assert.same({ { 4, 5, n = 2 }, 1, 2 }, { source:take(3) })
    assert.equal(6, calls[1])
    assert.is_true(source:exhausted())
    assert.equal(5, source.length)
    assert.same({ { n = 0 }, 1, 0 }, { source:take(3) })
    assert.equal(6, calls[1])
  end)

  it("packs several values of an iterator, nils included", function()
    local i = 0
    local source = chunk.source(function()
      i = i + 1
      if i == 1 then return "one" elseif i == 2 then return "k", nil elseif i == 3 then return {}, 2 end
    end)
    local list = source:take(9)
    assert.equal("one", list[1])
    assert.same({ "k", nil, n = 2 }, list[2])
    assert.same({ {}, 2, n = 2 }, list[3])
    assert.equal(3, list.n)
  end)

  it("keeps the first value only when the iterator is single", function()
    local source = chunk.source(single(counter(2)))
    assert.is_true(source.single)
    assert.same({ 1, 2, n = 2 }, (source:take(5)))
    local pairs_of = 0
    local two = chunk.source(single(function()
      pairs_of = pairs_of + 1
      if pairs_of == 1 then return { 1 }, "dropped" end
    end))
    assert.same({ { 1 }, n = 1 }, (two:take(5)))
  end)

  it("marks single lists and ranges, and changes nothing else", function()
    local list = { { 1 }, { 2 } }
    local source = chunk.source(single(list))
    assert.is_true(source.single)
    assert.equal(list, (source:take(1)))
    assert.equal("range", chunk.source(single(range(3))).kind)
  end)

  it("takes anything callable as an iterator", function()
    local pull = counter(2)
    local source = chunk.source(setmetatable({}, { __call = pull }))
    assert.equal("iterator", source.kind)
    assert.same({ 1, 2, n = 2 }, (source:take(9)))
  end)

  it("does not call an iterator that raised again, and lets its error through", function()
    local calls, thrown = 0, {}
    local source = chunk.source(function()
      calls = calls + 1
      if calls == 2 then error(thrown) end
      return calls
    end)
    local ok, err = pcall(source.take, source, 5)
    assert.is_false(ok)
    assert.equal(thrown, err)
    assert.equal(0, select(3, source:take(5)))
    assert.equal(2, calls)
  end)

  it("takes no more than iterable_len", function()
    local calls = {}
    local source = chunk.source(counter(10, calls), 3)
    assert.equal(3, source.length)
    assert.same({ { 1, 2, n = 2 }, 1, 2 }, { source:take(2) })
    assert.same({ { 3, n = 1 }, 1, 1 }, { source:take(2) })
    assert.is_true(source:exhausted())
    source:take(2)
    assert.equal(3, calls[1])
    assert.equal(2, chunk.source({ 1, 2, 3 }, 2).length)
    assert.equal(3, chunk.source({ 1, 2, 3 }, 9).length)
    assert.equal(2, chunk.source(range(9), 2).length)
  end)

  it("is content with fewer tasks than iterable_len", function()
    local source = chunk.source(counter(2), 9)
    assert.equal(9, source:remaining())
    assert.equal(2, select(3, source:take(5)))
    assert.equal(2, source.length)
    assert.is_true(source:exhausted())
  end)

  it("of no tasks never calls its iterator", function()
    local calls = {}
    local source = chunk.source(counter(9, calls), 0)
    assert.is_true(source:exhausted())
    assert.equal(0, select(3, source:take(5)))
    assert.is_nil(calls[1])
  end)

  it("gives fresh lists when asked for copies", function()
    local list = { "a", "b", "c" }
    local source = chunk.source(list)
    assert.same({ "a", "b", n = 2 }, source:take_copy(2))
    assert.same({ "c", n = 1 }, source:take_copy(2))
    assert.same({ 1, n = 1 }, chunk.source(counter(1)):take_copy(5))
  end)
end)

describe("tasks that are none", function()
  local WANTED = "map: tasks must be a list, a range or an iterator function"

  local function message(tasks, title)
    return select(2, pcall(chunk.source, tasks, nil, 1, title)):gsub("^[^ ]+:%d+: ", "")
  end

  it("are refused, saying what came", function()
    assert.equal(WANTED .. ", got a string", message "abc")
    assert.equal(WANTED .. ", got nil", message(nil))
    assert.equal(WANTED .. ", got a boolean", message(true))
    assert.equal(WANTED .. ", got a userdata", message(io.stdout))
    assert.equal(WANTED .. ", got a number (did you mean workerpool.range(10)?)", message(10))
    assert.match("^imap: tasks must be", message("abc", "imap"))
  end)

  it("are refused when a record came in place of a list", function()
    assert.equal(WANTED .. ", got a table without [1] and n: {a=1} (a table)", message { a = 1 })
    assert.match("the field n must be a length, got \"x\"", message { n = "x" })
    assert.match("the field n must be a length, got %-1", message { n = -1 })
  end)

  it("are refused when the length of an object makes no sense", function()
    assert.match("the length of the object is \"x\"",
      message(setmetatable({}, { __len = function() return "x" end })))
  end)

  it("are blamed on the caller", function()
    local function map(tasks) return (chunk.source(tasks, nil, 2)) end
    local line = debug.getinfo(1, "l").currentline + 1
    local _, text = pcall(function() map "abc" end)
    assert.match("chunk_spec.lua:" .. line .. ": map: tasks", text)
  end)
end)

describe("chunk_tasks", function()
  local function sizes(tasks, opts)
    local list = {}
    for c in chunk.chunk_tasks(tasks, opts) do list[#list + 1] = c.n end
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
    for c in chunk.chunk_tasks(given, { chunk_size = 2 }) do all[#all + 1] = c end
    assert.same({ { 1, nil, n = 2 }, { 3, n = 1 } }, all)
    assert.not_equal(given, chunk.chunk_tasks(given, { chunk_size = 9 })())
  end)

  it("takes a size beyond all bounds as one chunk", function()
    assert.same({ 10 }, sizes(range(10), { chunk_size = 1e300 }))
    assert.same({ 10 }, sizes(counter(10), { chunk_size = 1e300 }))
  end)

  it("refuses parts without a length, and neither size nor parts", function()
    assert.has_error(function() chunk.chunk_tasks(counter(3), { n_splits = 2 }) end,
      "chunk_tasks: n_splits needs a length: give iterable_len, or chunk_size")
    assert.has_error(function() chunk.chunk_tasks { 1 } end,
      "chunk_tasks: give chunk_size or n_splits")
    assert.has_error(function() chunk.chunk_tasks({ 1 }, { size = 2 }) end,
      "chunk_tasks: unknown option 'size' (did you mean 'chunk_size'?)")
    assert.has_error(function() chunk.chunk_tasks("x", { chunk_size = 2 }) end,
      "chunk_tasks: tasks must be a list, a range or an iterator function, got a string")
  end)
end)
