-- Tasks that are to be tried again, in the order in which they are due; and the
-- queue behind most others.

local fifo = require "workerpool.fifo"
local waiting = require "workerpool.waiting"

describe("tasks that wait to be tried again", function()
  it("come when they are due, and at one time in the order of their coming", function()
    math.randomseed(5)
    for n = 0, 60 do
      local queue, expected = waiting.new(), {}
      for i = 1, n do
        local task = { due = math.random(8), number = i }
        queue:put(task)
        expected[i] = task
      end
      table.sort(expected, function(a, b)
        if a.due ~= b.due then return a.due < b.due end
        return a.number < b.number
      end)
      for i = 1, n do
        assert.are.equal(n - i + 1, queue.n)
        assert.are.equal(expected[i], queue[1])
        assert.are.equal(expected[i], queue:pop())
      end
      assert.are.equal(0, queue.n)
      assert.is_nil(queue[1])
      assert.is_nil(queue:pop())
    end
  end)

  it("may come and go by turns", function()
    local queue, last = waiting.new(), 0
    for i = 1, 1000 do
      queue:put { due = i + i * 37 % 100 }
      if i > 100 then
        local due = queue:pop().due
        assert.is_true(due >= last)
        last = due
      end
    end
    assert.are.equal(100, queue.n)
  end)
end)

describe("a queue", function()
  it("gives back what came first, and keeps nothing", function()
    local queue = fifo.new()
    assert.is_nil(queue:pop())
    for round = 1, 3 do
      for i = 1, 10 do queue:put(round * i) end
      for i = 1, 10 do
        assert.are.equal(round * i, queue[queue.first])
        assert.are.equal(round * i, queue:pop())
      end
      assert.is_nil(queue:pop())
      assert.is_nil(queue[queue.first])
    end
    for key in pairs(queue) do assert.is_true(key == "first" or key == "last") end
  end)
end)
