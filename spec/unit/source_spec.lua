-- Tasks in every accepted form, and the mark of single.

local range = require("workerpool.range").new
local sources = require "workerpool.source"

local single = sources.single

-- An iterator over 1 … n that counts its calls in calls[1].
local function counter(n, calls)
  local i = 0
  return function()
    if calls then calls[1] = (calls[1] or 0) + 1 end
    i = i + 1
    if i <= n then return i end
  end
end

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
    local source = sources.new(list)
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
    assert.equal(4, sources.new({ nil, nil, 1, n = 4 }).length)
    assert.equal(0, sources.new({ n = 0 }).length)
    assert.equal(2, sources.new({ 1, 2, 3, n = 2.0 }).length)
  end)

  it("hands out numbers for a range", function()
    local source = sources.new(range(10, 30, 5))
    assert.equal("range", source.kind)
    assert.same({ 10, 5, 2 }, { source:take_range(2) })
    assert.same({ 20, 5, 3 }, { source:take_range(9) })
    assert.equal(0, select(3, source:take_range(1)))
    assert.same({ { 10, 15, n = 2 }, 1, 2 }, { sources.new(range(10, 30, 5)):take(2) })
  end)

  it("hands out a range of floats as a list, so that chunks change no bit of it", function()
    local r = range(0, 1, 0.1)
    local source = sources.new(r)
    assert.equal("list", source.kind)
    source:take(3)
    local list, first = source:take(2)
    assert.equal(r[4], list[first])
  end)

  it("does not overflow with a huge range", function()
    local source = sources.new(range(1, math.maxinteger))
    assert.same({ 1, 1, math.maxinteger - 1 }, { source:take_range(math.maxinteger - 1) })
    assert.same({ math.maxinteger, 1, 1 }, { source:take_range(math.maxinteger) })
  end)

  it("copies the elements of an object with __len", function()
    local object = setmetatable({}, {
      __len = function() return 3 end, __index = function(_, i) return i * 10 end,
    })
    local source = sources.new(object)
    assert.equal("list", source.kind)
    assert.same({ { 10, 20, n = 2 }, 1, 2 }, { source:take(2) })
    assert.same({ { 30, n = 1 }, 1, 1 }, { source:take(2) })
    assert.equal(0, select(3, source:take(2)))
  end)

  it("takes a table with a class but without __len as the list it is", function()
    local list = setmetatable({ 1, 2 }, { __index = { sort = table.sort } })
    assert.equal(2, sources.new(list).length)
  end)

  it("pulls an iterator as far as asked, and never after its end", function()
    local calls = {}
    local source = sources.new(counter(5, calls))
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
    local source = sources.new(function()
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
    local source = sources.new(single(counter(2)))
    assert.is_true(source.single)
    assert.same({ 1, 2, n = 2 }, (source:take(5)))
    local pairs_of = 0
    local two = sources.new(single(function()
      pairs_of = pairs_of + 1
      if pairs_of == 1 then return { 1 }, "dropped" end
    end))
    assert.same({ { 1 }, n = 1 }, (two:take(5)))
  end)

  it("marks single lists and ranges, and changes nothing else", function()
    local list = { { 1 }, { 2 } }
    local source = sources.new(single(list))
    assert.is_true(source.single)
    assert.equal(list, (source:take(1)))
    assert.equal("range", sources.new(single(range(3))).kind)
  end)

  it("takes anything callable as an iterator", function()
    local pull = counter(2)
    local source = sources.new(setmetatable({}, { __call = pull }))
    assert.equal("iterator", source.kind)
    assert.same({ 1, 2, n = 2 }, (source:take(9)))
  end)

  it("does not call an iterator that raised again, and lets its error through", function()
    local calls, thrown = 0, {}
    local source = sources.new(function()
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
    local source = sources.new(counter(10, calls), 3)
    assert.equal(3, source.length)
    assert.same({ { 1, 2, n = 2 }, 1, 2 }, { source:take(2) })
    assert.same({ { 3, n = 1 }, 1, 1 }, { source:take(2) })
    assert.is_true(source:exhausted())
    source:take(2)
    assert.equal(3, calls[1])
    assert.equal(2, sources.new({ 1, 2, 3 }, 2).length)
    assert.equal(3, sources.new({ 1, 2, 3 }, 9).length)
    assert.equal(2, sources.new(range(9), 2).length)
  end)

  it("is content with fewer tasks than iterable_len", function()
    local source = sources.new(counter(2), 9)
    assert.equal(9, source:remaining())
    assert.equal(2, select(3, source:take(5)))
    assert.equal(2, source.length)
    assert.is_true(source:exhausted())
  end)

  it("of no tasks never calls its iterator", function()
    local calls = {}
    local source = sources.new(counter(9, calls), 0)
    assert.is_true(source:exhausted())
    assert.equal(0, select(3, source:take(5)))
    assert.is_nil(calls[1])
  end)

  it("gives fresh lists when asked for copies", function()
    local list = { "a", "b", "c" }
    local source = sources.new(list)
    assert.same({ "a", "b", n = 2 }, source:take_copy(2))
    assert.same({ "c", n = 1 }, source:take_copy(2))
    assert.same({ 1, n = 1 }, sources.new(counter(1)):take_copy(5))
  end)
end)

describe("tasks that are none", function()
  local WANTED = "map: tasks must be a list, a range or an iterator function"

  local function message(tasks, title)
    return select(2, pcall(sources.new, tasks, nil, 1, title)):gsub("^[^ ]+:%d+: ", "")
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
    local function map(tasks) return (sources.new(tasks, nil, 2)) end
    local line = debug.getinfo(1, "l").currentline + 1
    local _, text = pcall(function() map "abc" end)
    assert.match("source_spec.lua:" .. line .. ": map: tasks", text)
  end)
end)
