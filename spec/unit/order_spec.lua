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
      assert.is_nil(o:pop())
    end
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
