-- Numbers, strings, booleans and nil arrive as what they were.

local core = require "workerpool.core"

local codec = core.codec()

local function round_trip(...)
  return codec:decode(codec:encode(...))
end

local function assert_same_number(expected, got)
  assert.equal(math.type(expected), math.type(got))
  assert.equal(("%q"):format(expected), ("%q"):format(got))
end

describe("a message", function()
  it("may be empty", function()
    assert.equal(0, select("#", round_trip()))
  end)

  it("keeps every nil in its place", function()
    local list = table.pack(round_trip(nil, 1, nil, nil))
    assert.same({ n = 4, [2] = 1 }, list)
  end)

  it("holds more values than fit into its first byte", function()
    for _, n in ipairs { 62, 63, 64, 200, 5000 } do
      local values = {}
      for i = 1, n do values[i] = i end
      assert.same(values, { round_trip(table.unpack(values)) })
    end
  end)

  it("is as long as it says, so that others may follow", function()
    local both = codec:encode("first") .. codec:encode(2, 3)
    local offset, a = codec:decode(both, 1)
    local last, b, c = codec:decode(both, offset)
    assert.same({ "first", 2, 3 }, { a, b, c })
    assert.equal(#both + 1, last)
  end)

  it("refuses bytes after its end", function()
    assert.has_error(function() codec:decode(codec:encode(1) .. "x") end,
      "corrupt message: more bytes after the end at byte 2")
  end)
end)

describe("an integer", function()
  it("arrives as the same integer, at every width", function()
    for bits = 0, 63 do
      for _, near in ipairs { -2, -1, 0, 1, 2 } do
        assert_same_number((1 << bits) + near, round_trip((1 << bits) + near))
        assert_same_number(-(1 << bits) + near, round_trip(-(1 << bits) + near))
      end
    end
    for i = -300, 300 do assert_same_number(i, round_trip(i)) end
  end)

  it("may be the least or the greatest", function()
    assert_same_number(math.mininteger, round_trip(math.mininteger))
    assert_same_number(math.maxinteger, round_trip(math.maxinteger))
  end)
end)

describe("a float", function()
  it("stays a float, also when it is whole", function()
    for _, x in ipairs { 3.0, 0.0, -0.0, 1e300, 5e-324, 0.1, -1.5, 2.0 ^ 53, 2.0 ^ 63 } do
      assert_same_number(x, round_trip(x))
    end
  end)

  it("may be an infinity", function()
    assert.equal(math.huge, round_trip(math.huge))
    assert.equal(-math.huge, round_trip(-math.huge))
  end)

  it("may be not a number", function()
    local x = round_trip(0 / 0)
    assert.equal("float", math.type(x))
    assert.is_true(x ~= x)
  end)
end)

describe("a boolean", function()
  it("arrives", function()
    assert.same({ true, false }, { round_trip(true, false) })
  end)
end)

describe("a string", function()
  it("may be of any length", function()
    for _, n in ipairs { 0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 39, 40, 41, 42, 127, 128,
      254, 255, 256, 257, 65535, 65536, 1 << 20 } do
      local s = ("abcdefghijklmnopqrstuvwxyz0123456"):rep(n // 33 + 1):sub(1, n)
      assert.is_true(s == round_trip(s), "length " .. n)
      assert.is_true(s == round_trip({ s })[1], "length " .. n)
    end
  end)

  it("may have any bytes", function()
    local bytes = {}
    for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
    local s = table.concat(bytes)
    assert.equal(s, round_trip(s))
  end)

  it("is one string when it comes often", function()
    for _, n in ipairs { 1, 10, 40, 41, 5000 } do
      local s = ("x"):rep(n)
      assert.same({ s, s, s, s, { s, [s] = s } }, round_trip { s, s, s, s, { s, [s] = s } })
    end
  end)

  it("of some length takes room once, or twice when it is short", function()
    local long, short = ("x"):rep(1000), ("y"):rep(30)
    assert.is_true(#codec:encode { long, long, long, long } < 1050)
    assert.is_true(#codec:encode { short, short, short, short, short } < 80)
  end)

  it("comes through among many others", function()
    local list = {}
    for i = 1, 3000 do list[i] = "s" .. i % 700 end
    assert.same(list, round_trip(list))
  end)
end)
