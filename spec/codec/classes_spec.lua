-- Objects arrive with their metatable, when it has a name.

local core = require "workerpool.core"
local names = require "workerpool.names"

local codec = core.codec()

local function round_trip(...)
  return codec:decode(codec:encode(...))
end

local Point = { __name = "Point" }
Point.__index = Point
function Point.new(x, y) return setmetatable({ x = x, y = y }, Point) end
function Point:length() return (self.x ^ 2 + self.y ^ 2) ^ 0.5 end
names.register_class("spec.classes.Point", Point)

describe("an object of a registered class", function()
  it("arrives with its class", function()
    local got = round_trip(Point.new(3, 4))
    assert.equal(Point, getmetatable(got))
    assert.equal(5.0, got:length())
  end)

  it("arrives so among many", function()
    local list = {}
    for i = 1, 100 do list[i] = Point.new(i, i) end
    for i, p in ipairs(round_trip(list)) do
      assert.equal(Point, getmetatable(p))
      assert.equal(i, p.x)
    end
  end)

  it("may hold itself and others", function()
    local p = Point.new(1, 2)
    p.self, p.other = p, Point.new(3, 4)
    local got, again = round_trip(p, p)
    assert.equal(got, got.self)
    assert.equal(got, again)
    assert.equal(Point, getmetatable(got.other))
  end)

  it("is half as long when there are two", function()
    local one = #codec:encode { Point.new(1, 2) }
    assert.is_true(#codec:encode { Point.new(1, 2), Point.new(1, 2) } < 2 * one - 10)
  end)

  it("may hide its metatable", function()
    local Locked = { __metatable = false }
    names.register_class("spec.classes.Locked", Locked)
    assert.equal(Locked, debug.getmetatable(round_trip(setmetatable({ 1 }, Locked))))
  end)
end)

describe("a class", function()
  it("travels by name, also in the upvalues of a function", function()
    assert.equal(Point, round_trip(Point))
    local got = round_trip(function() return Point.new(1, 2) end)
    assert.equal(Point, getmetatable(got()))
  end)

  it("may be a loaded module, or a field of one", function()
    local Module, Field = {}, {}
    Module.Class, Field.__index = Field, Field
    package.loaded["spec.module"] = Module
    local m, f = round_trip(setmetatable({}, Module), setmetatable({}, Field))
    assert.equal(Module, getmetatable(m))
    assert.equal(Field, getmetatable(f))
    assert.equal(Field, round_trip(Field))
    package.loaded["spec.module"] = nil
  end)

  it("that is unknown to the receiver is an error which says so", function()
    local Gone = {}
    package.loaded["spec.module"] = { Gone = Gone }
    local bytes = codec:encode(setmetatable({}, Gone))
    package.loaded["spec.module"].Gone = nil
    assert.has_error(function() codec:decode(bytes) end,
      "'Gone' of module 'spec.module' is not available in this process")
    package.loaded["spec.module"] = nil
  end)

  it("without a name is an error which tells the cure", function()
    assert.has_error(function() codec:encode { pos = setmetatable({}, {}) } end,
      "cannot send args[1].pos: table with a metatable that has no name "
      .. "(use workerpool.register_class)")
  end)
end)

describe("register_class", function()
  it("takes the same pair again", function()
    names.register_class("spec.classes.Point", Point)
  end)

  it("refuses a name that another class has", function()
    local ok, message = pcall(function() names.register_class("spec.classes.Point", {}) end)
    assert.is_false(ok)
    assert.matches("classes_spec.lua:%d+: bad argument #1 to 'register_class' "
      .. "%(another class is called 'spec.classes.Point'%)$", message)
  end)

  it("refuses what is no name", function()
    for _, name in ipairs { "", 3, true, {} } do
      assert.error_matches(function() names.register_class(name, {}) end,
        "bad argument #1 to 'register_class' %(non%-empty string expected, got ")
    end
    assert.error_matches(function() names.register_class(nil, {}) end, "got nil")
  end)

  it("refuses what is no metatable", function()
    assert.error_matches(function() names.register_class("spec.classes.None", "x") end,
      "bad argument #2 to 'register_class' %(metatable expected, got string%)")
  end)
end)
