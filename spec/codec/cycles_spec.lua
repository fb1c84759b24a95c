-- What is one object on one side is one object on the other.

local core = require "workerpool.core"

local codec = core.codec()

local function round_trip(...)
  return codec:decode(codec:encode(...))
end

describe("a table that comes twice", function()
  it("arrives as one", function()
    local shared = { 1 }
    local t = round_trip { a = shared, b = shared, { shared } }
    assert.equal(t.a, t.b)
    assert.equal(t.a, t[1][1])
  end)

  it("arrives as one in several arguments", function()
    local shared = {}
    local a, b, c = round_trip(shared, { shared }, shared)
    assert.equal(a, b[1])
    assert.equal(a, c)
  end)

  it("is two in two messages", function()
    local shared = {}
    assert.are_not.equal(round_trip(shared), round_trip(shared))
  end)

  it("is not mistaken for another one", function()
    local a, b = round_trip({ 1 }, { 1 })
    assert.are_not.equal(a, b)
    a[1] = 2
    assert.equal(1, b[1])
  end)

  it("arrives as one among thousands", function()
    local list, again = {}, {}
    for i = 1, 5000 do list[i] = { i } end
    for i = 1, 5000 do again[i] = list[5001 - i] end
    local l, a = round_trip(list, again)
    for i = 1, 5000 do
      assert.is_true(rawequal(l[i], a[5001 - i]))
      assert.equal(i, l[i][1])
    end
  end)
end)

describe("a cycle", function()
  it("may be a table in itself", function()
    local t = {}
    t.self = t
    local got = round_trip(t)
    assert.equal(got, got.self)
  end)

  it("may be a table that is its own key and value", function()
    local t = {}
    t[t] = t
    local got = round_trip(t)
    assert.equal(got, (next(got)))
    assert.equal(got, got[got])
  end)

  it("may be long", function()
    local first = {}
    local last = first
    for i = 1, 2000 do
      last.next = { i }
      last = last.next
    end
    last.next = first
    local got = round_trip(first)
    local at, steps = got, 0
    repeat at, steps = at.next, steps + 1 until at == got
    assert.equal(2001, steps)
  end)

  it("may go through parents and lists", function()
    local tree = { children = {} }
    for i = 1, 10 do tree.children[i] = { parent = tree, siblings = tree.children } end
    local got = round_trip(tree)
    for i = 1, 10 do
      assert.equal(got, got.children[i].parent)
      assert.equal(got.children, got.children[i].siblings)
    end
  end)

  it("leaves nothing behind in the codec", function()
    local weak = setmetatable({}, { __mode = "v" })
    do
      local t = { ("x"):rep(100) }
      t.t = t
      weak[1], weak[2] = t, round_trip(t)
    end
    collectgarbage()
    collectgarbage()
    assert.same({}, weak)
  end)
end)
