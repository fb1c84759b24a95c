-- Tables arrive with the same keys and values, whatever those are, and however
-- Lua happens to store them.

local core = require "workerpool.core"

local codec = core.codec()

local function round_trip(...)
  return codec:decode(codec:encode(...))
end

describe("a list", function()
  it("may be of any length", function()
    for _, n in ipairs { 0, 1, 2, 3, 7, 8, 9, 127, 128, 1000, 70000 } do
      local list = {}
      for i = 1, n do list[i] = i end
      assert.same(list, round_trip(list))
    end
  end)

  it("of floats keeps each of them, also between other values", function()
    local floats, mixed = {}, {}
    for i = 1, 100 do
      floats[i] = i / 3
      mixed[i] = i % 13 == 0 and i or i % 17 == 0 and "s" or i / 7
    end
    assert.same(floats, round_trip(floats))
    assert.same(mixed, round_trip(mixed))
  end)

  it("may have holes", function()
    for hole = 1, 12 do
      local list = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }
      list[hole] = nil
      assert.same(list, round_trip(list))
      list[hole + 2] = nil
      assert.same(list, round_trip(list))
    end
  end)

  it("may have keys besides its items", function()
    local list = { 1, 2, 3, n = 3, [0] = "zero", [-1] = "before", [10] = "later", [2.5] = "half" }
    assert.same(list, round_trip(list))
  end)

  it("arrives whole when its items are among other keys", function()
    -- None of these has its items where a constructor would put them.
    for n = 1, 40 do
      local backwards, among = {}, {}
      for i = n, 1, -1 do backwards[i] = i * 1.5 end
      for i = 1, n do
        among["k" .. i] = i
        among[i] = -i
      end
      local grown = { 1, 2, 3, 4, x = 1 }
      for i = 5, 4 + n do grown[i] = i end
      assert.same(backwards, round_trip(backwards))
      assert.same(among, round_trip(among))
      assert.same(grown, round_trip(grown))
    end
  end)

  it("arrives whole after items and keys came and went", function()
    math.randomseed(7)
    for _ = 1, 300 do
      local t = {}
      for _ = 1, math.random(60) do
        local key = math.random(20)
        if math.random(3) == 1 then key = "k" .. key end
        t[key] = math.random(4) > 1 and math.random(9) / 2 or nil
      end
      assert.same(t, round_trip(t))
    end
  end)
end)

describe("a table", function()
  it("may have any number of keys", function()
    for _, n in ipairs { 0, 1, 30, 31, 32, 33, 63, 64, 65, 1000, 5000 } do
      local map = {}
      for i = 1, n do map["key" .. i] = i end
      assert.same(map, round_trip(map))
    end
  end)

  it("may have booleans and floats as keys", function()
    local t = { [true] = 1, [false] = 2, [1.5] = 3, [-0.25] = 4, [math.huge] = 5, [2 ^ 53] = 6 }
    assert.same(t, round_trip(t))
  end)

  it("keeps integer keys integers, and others strings", function()
    local t = round_trip { [1] = "integer", ["1"] = "string", [2.5] = "float" }
    assert.equal("integer", t[1])
    assert.equal("string", t["1"])
    for k in pairs(t) do assert.is_true(k ~= 1 or math.type(k) == "integer") end
  end)

  it("may have tables as keys", function()
    local key = { "inside" }
    local t = round_trip { [key] = "value", key = key }
    assert.equal("value", t[t.key])
    assert.same({ "inside" }, t.key)
  end)

  it("may have functions as keys", function()
    assert.equal(1, round_trip({ [print] = 1 })[print])
  end)

  it("is read without its metamethods", function()
    local names = require "workerpool.names"
    local function never() error "a metamethod was called" end
    local Wary = { __index = never, __newindex = never, __pairs = never, __len = never,
      __eq = never, __name = "spec.Wary", __metatable = "locked" }
    names.register_class("spec.tables.Wary", Wary)
    local t = round_trip(setmetatable({ 1, 2, x = 3 }, Wary))
    assert.same({ 1, 2, 3 }, { rawget(t, 1), rawget(t, 2), rawget(t, "x") })
    assert.equal(Wary, debug.getmetatable(t))
  end)

  it("may hold many others", function()
    local records = {}
    for i = 1, 500 do records[i] = { id = i, name = "n" .. i % 10, value = i / 2, flags = {} } end
    assert.same(records, round_trip(records))
  end)
end)

describe("nesting", function()
  -- A list of `depth` levels, and how deep one is.
  local function nested(depth)
    local t = {}
    for i = 2, depth do t = i % 2 == 0 and { t } or { next = t } end
    return t
  end
  local function depth_of(t)
    local depth = 0
    while t do t, depth = t[1] or t.next, depth + 1 end
    return depth
  end

  it("may be 200 levels deep", function()
    assert.equal(200, depth_of(round_trip(nested(200))))
  end)

  it("may be as deep as the limit", function()
    assert.equal(3999, depth_of(round_trip(nested(3999))))
    assert.equal(4000, depth_of(round_trip(nested(4000))))
  end)

  it("ends at the limit with an error that names it and the way", function()
    for _, depth in ipairs { 4001, 150000 } do
      local deep = nested(depth)
      local ok, message = pcall(codec.encode, codec, { top = deep })
      assert.is_false(ok)
      assert.matches("^cannot send args%[1%]%.top", message)
      assert.matches("nested deeper than 4000 levels$", message)
      assert.is_true(#message < 400)
    end
  end)

  it("may be in keys, too", function()
    local t = {}
    for _ = 1, 3000 do t = { [t] = true } end
    local depth, got = 0, round_trip(t)
    while got do got, depth = next(got), depth + 1 end
    assert.equal(3001, depth)
  end)
end)
