-- Items in any order come out in theirs.

local helper = require "spec.support.helper"
local order = require "workerpool.order"

describe("an order", function()
  it("gives items back by their numbers", function()
    local o = order.new()
    o:put(4, 2, "c")
    o:put(2, 2, "b")
    assert.is_nil(o:pop())
    o:put(1, 1, "a")
    assert.same({ "a", 1, 1 }, { o:pop() })
    assert.same({ "b", 2, 2 }, { o:pop() })
    assert.same({ "c", 4, 2 }, { o:pop() })
    assert.is_nil(o:pop())
  end)

  it("gives back any permutation in order", function()
    math.randomseed(7)
    for _ = 1, 50 do
      local items, first = {}, 1
      for i = 1, 40 do
        items[i] = { first, math.random(1, 9) }
        first = first + items[i][2]
      end
      for i = #items, 2, -1 do
        local j = math.random(i)
        items[i], items[j] = items[j], items[i]
      end
      local o, popped, last = order.new(), 0, 0
      for _, item in ipairs(items) do
        o:put(item[1], item[2], item)
        local got = o:pop()
        while got do
          assert.is_true(got[1] > last)
          popped, last = popped + 1, got[1]
          got = o:pop()
        end
      end
      assert.equal(40, popped)
      assert.equal(0, o:held())
    end
  end)

  it("counts the tasks it holds", function()
    local o = order.new()
    assert.equal(0, o:held())
    o:put(6, 10, "b")
    o:put(1, 5, "a")
    assert.equal(15, o:held())
    o:pop()
    assert.equal(10, o:held())
    assert.equal(6, o:awaited())
  end)

  it("tells when its window is full, and takes what comes all the same", function()
    local o = order.new(10)
    o:put(5, 6, "b")
    assert.is_false(o:full())
    assert.equal(4, o:room())
    o:put(11, 9, "c")
    assert.is_true(o:full())
    assert.equal(0, o:room())
    o:put(1, 4, "a")
    for _ = 1, 3 do assert.is_truthy(o:pop()) end
    assert.equal(10, o:room())
  end)

  it("may begin anywhere, and again", function()
    local o = order.new(nil, 100)
    o:put(101, 1, "b")
    o:put(100, 1, "a")
    assert.equal("a", (o:pop()))
    o:reset()
    assert.equal(0, o:held())
    o:put(1, 1, "x")
    assert.equal("x", (o:pop()))
  end)

  it("holds false, and refuses nil, empty items and doubles", function()
    local o = order.new()
    o:put(1, 1, false)
    assert.equal(false, (o:pop()))
    assert.has_error(function() o:put(2, 1, nil) end)
    assert.has_error(function() o:put(2, 0, "x") end)
    assert.has_error(function() o:put(1, 1, "again") end)
    o:put(5, 1, "x")
    assert.has_error(function() o:put(5, 1, "y") end)
  end)

  it("refuses a double of an item that is false", function()
    local o = order.new()
    o:put(3, 1, false)
    assert.has_error(function() o:put(3, 1, "x") end)
  end)

  it("is fast however late an item is", function()
    local o = order.new()
    local before = os.clock()
    for i = 200000, 1, -1 do o:put(i, 1, i) end
    local n = 0
    while o:pop() do n = n + 1 end
    assert.equal(200000, n)
    assert.is_true(os.clock() - before < 2 * helper.scale)
  end)
end)
