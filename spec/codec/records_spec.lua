-- Tables that resemble each other: keys that come again are written once, and
-- arrive as they were whatever stands between them.

local core = require "workerpool.core"
local names = require "workerpool.names"

local codec = core.codec()

local function round_trip(...)
  return codec:decode(codec:encode(...))
end

local function list(n, item)
  local t = {}
  for i = 1, n do t[i] = item(i) end
  return t
end

describe("records in a list", function()
  it("may have their keys in any order", function()
    local records = list(60, function(i)
      local t = {}
      local keys = { "id", "name", "value", "note" }
      for k = 1, 4 do
        local key = table.remove(keys, (i * 7 + k) % #keys + 1)
        t[key] = key .. i
      end
      return t
    end)
    assert.same(records, round_trip(records))
  end)

  it("may lack keys and have keys of their own", function()
    local records = list(60, function(i)
      return {
        id = i, name = i % 2 == 0 and "even" or nil, value = i % 3 == 0 and i / 3 or nil,
        ["own " .. i] = true, [i % 5 == 0 and 1 or "one"] = "first", [i + 0.5] = i % 7 == 0 or nil,
      }
    end)
    assert.same(records, round_trip(records))
  end)

  it("may be lists, too", function()
    local records = list(40, function(i)
      local t = { i, i / 2, "item", name = "n", last = i }
      if i % 3 == 0 then t[2] = nil end
      return t
    end)
    assert.same(records, round_trip(records))
  end)

  it("may have values of another type each time", function()
    local values = { 1, 1.5, "text", true, false, {}, { 1 }, ("long"):rep(20), math.mininteger, -0.0 }
    local records = list(50, function(i)
      return { a = values[i % #values + 1], b = values[i * 3 % #values + 1] }
    end)
    local back = round_trip(records)
    assert.same(records, back)
    for i, record in ipairs(records) do
      assert.equal(math.type(record.a), math.type(back[i].a))
    end
  end)

  it("share what they share", function()
    local key, owner = {}, { name = "owner" }
    local records = list(20, function(i) return { owner = owner, [key] = i, self = i } end)
    local back = round_trip(records)
    local back_key
    for k in pairs(back[1]) do if type(k) == "table" then back_key = k end end
    for i = 1, 20 do
      assert.equal(back[1].owner, back[i].owner)
      assert.equal(i, back[i][back_key])
    end
  end)

  it("may be of several kinds by turns, and of many", function()
    for kinds = 1, 12 do
      local records = list(kinds * 6, function(i)
        local kind = i % kinds
        return { ["id" .. kind] = i, ["name" .. kind] = "n", kind = kind }
      end)
      assert.same(records, round_trip(records))
    end
  end)
end)

describe("keys and words that come again", function()
  -- The first 32 have places of their own, the others are in a table.
  it("may be any number", function()
    for _, n in ipairs { 1, 30, 31, 32, 33, 34, 64, 100, 127, 128, 129, 300, 1000 } do
      local records = list(4, function(i)
        local t = {}
        for k = 1, n do t["key " .. k] = k % 2 == 0 and "word " .. k or i end
        return t
      end)
      assert.same(records, round_trip(records))
    end
  end)

  it("may be words here and keys there", function()
    local records = list(50, function(i)
      return { [i % 2 == 0 and "left" or "right"] = i % 2 == 0 and "right" or "left", left_out = "left_out" }
    end)
    assert.same(records, round_trip(records))
  end)

  it("may be of any length", function()
    local records = list(3, function()
      local t = {}
      for n = 0, 45 do t[("k"):rep(n)] = ("v"):rep(n) end
      return t
    end)
    assert.same(records, round_trip(records))
  end)

  it("leave several values of a message where they belong", function()
    local records = list(5, function(i) return { id = i, word = "again" } end)
    local back = table.pack(round_trip("again", records, nil, records, "again", 7, records[3], nil))
    assert.equal(8, back.n)
    assert.equal("again", back[1])
    assert.same(records, back[2])
    assert.is_nil(back[3])
    assert.equal(back[2], back[4])
    assert.equal("again", back[5])
    assert.equal(7, back[6])
    assert.equal(back[2][3], back[7])
    assert.is_nil(back[8])
  end)

  it("may stand among classes", function()
    local classes = list(40, function(i)
      local class = {}
      names.register_class("spec.records." .. i, class)
      return class
    end)
    local records = list(120, function(i)
      return setmetatable({ name = "n" .. i % 40, kind = "kind", ["k" .. i % 40] = "v" .. i % 40 },
        classes[i % 40 + 1])
    end)
    local back = round_trip(records)
    assert.same(records, back)
    for i = 1, 120 do assert.equal(classes[i % 40 + 1], getmetatable(back[i])) end
  end)

  it("survive other messages that are read and written meanwhile", function()
    local other = core.codec()
    local Packed = {
      __workerpool_pack = function(self)
        return other:encode(list(3, function(i) return { word = "inner", id = i + self.id } end)), "word"
      end,
      __workerpool_unpack = function(bytes)
        return setmetatable({ id = codec:decode(bytes)[1].id - 1 }, getmetatable(codec:decode(bytes)))
      end,
    }
    names.register_class("spec.records.Packed", Packed)
    local records = list(10, function(i)
      return { word = "outer", id = i, packed = setmetatable({ id = i }, Packed), last = "word" }
    end)
    local back = round_trip(records)
    for i = 1, 10 do
      assert.equal("outer", back[i].word)
      assert.equal("word", back[i].last)
      assert.equal(i, back[i].packed.id)
    end
  end)
end)

describe("several scalars", function()
  it("arrive each as it was, in any number", function()
    for _, n in ipairs { 0, 1, 2, 62, 63, 64, 200 } do
      local values = { n = n }
      for i = 1, n do
        values[i] = ({ i, i / 2, "s" .. i, i % 2 == 0, math.maxinteger - i })[i % 6]
      end
      local back = table.pack(round_trip(table.unpack(values, 1, n)))
      assert.same(values, back)
      for i = 1, n do assert.equal(math.type(values[i]), math.type(back[i])) end
    end
  end)

  it("may have a long string, a table or a function behind them", function()
    local long = ("long"):rep(30)
    assert.same({ 1, "s", long, long, 2 }, { round_trip(1, "s", long, long, 2) })
    assert.same({ 1, "s", { "s" }, "s" }, { round_trip(1, "s", { "s" }, "s") })
    local _, f = round_trip("s", function(x) return x + 1 end)
    assert.equal(3, f(2))
  end)
end)

-- What a message of one table needs depends on what comes first in it, so each
-- kind of value stands behind any number of scalars.
describe("a record alone in its message", function()
  local function record(n)
    local t = {}
    for i = 1, n do t["field " .. i] = i % 3 == 0 and "text " .. i or i / 2 end
    return t
  end

  it("arrives with any number of fields", function()
    for n = 0, 70 do assert.same(record(n), round_trip(record(n))) end
  end)

  it("may have keys and values of any kind and length", function()
    for n = 0, 8 do
      for _, value in ipairs { 1, -0.5, true, false, ("long"):rep(9), ("x"):rep(300), ("y"):rep(70000) } do
        local t = record(n)
        t[value], t.value = value, value
        assert.same(t, round_trip(t))
      end
    end
  end)

  it("may contain itself, and what it contains twice", function()
    for n = 0, 34 do
      local t, inner = record(n), { "inner", name = "field 1" }
      t.self, t.one, t.two, inner.up = t, inner, inner, t
      local back = round_trip(t)
      assert.equal(back, back.self)
      assert.equal(back.one, back.two)
      assert.equal(back, back.one.up)
      assert.equal("field 1", back.one.name)
      back.self, back.one, back.two = nil, nil, nil
      assert.same(record(n), back)
    end
  end)

  it("may be a list, with fields or without", function()
    for n = 0, 40 do
      local t = list(n, function(i) return i % 5 == 0 and { i } or i end)
      assert.same(t, round_trip(t))
      t.name = "list"
      assert.same(t, round_trip(t))
    end
  end)

  it("leaves the output as it was when it cannot travel", function()
    for n = 0, 34 do
      local t = record(n)
      t.thread = coroutine.create(print)
      local ok, err = pcall(codec.encode, codec, t)
      assert.is_false(ok)
      assert.match("cannot send args[1].thread: thread", err, 1, true)
      assert.same(record(n), round_trip(record(n)))
    end
  end)
end)

describe("numbers in a list", function()
  it("keep their type and their bits among floats", function()
    local odd = { 0 / 0, -0.0, 0.0, math.huge, -math.huge, math.maxinteger, math.mininteger, 2 ^ 63, 2 ^ 53,
      -128, 127, -129, 128, 32767, -32768, 32768, 1 << 31, -(1 << 31), 1 << 32, 95, 96, -1, 5e-324 }
    for gap = 1, 12 do
      local numbers = list(200, function(i)
        return i % gap == 0 and odd[i // gap % #odd + 1] or i / 7
      end)
      local back = round_trip(numbers)
      assert.equal(#numbers, #back)
      for i, n in ipairs(numbers) do
        assert.equal(math.type(n), math.type(back[i]))
        assert.equal(string.pack(math.type(n) == "integer" and "j" or "n", n),
          string.pack(math.type(n) == "integer" and "j" or "n", back[i]))
      end
    end
  end)
end)

describe("a method of the codec", function()
  it("refuses what is no codec", function()
    for _, other in ipairs { io.stdout, "codec", {}, 7 } do
      assert.error_matches(function() codec.encode(other, 1) end, "workerpool.codec expected")
    end
    assert.error_matches(function() codec.decode() end, "workerpool.codec expected, got no value")
  end)
end)
