-- timeout: 180
-- Queue: values of any kind between any number of processes.

local helper = require "spec.support.helper"
local refused = require("spec.support.refusals").refused
local workerpool = require "workerpool"
local WorkerPool, Queue, range = workerpool.WorkerPool, workerpool.Queue, workerpool.range

local LONG = 60

describe("A Queue", function()
  helper.guard()

  it("gives back what was put, in its order", function()
    local q = Queue(10)
    local values = { 1, -2.5, "text", "", true, false, { a = { 1, 2 }, b = "x" }, math.huge,
      math.mininteger }
    for _, v in ipairs(values) do assert.is_true(q:put(v)) end
    assert.are.equal(#values, #q)
    for _, v in ipairs(values) do
      local got = q:get()
      assert.are.same(v, got)
      assert.are.equal(math.type(v), math.type(got))
    end
    assert.are.equal(0, #q)
  end)

  it("keeps the order however the ring wraps", function()
    local q = Queue(7, { item_bytes = 100 })
    local next_out = 1
    for n = 1, 3000 do
      local text = ("%d:"):format(n) .. ("x"):rep(n * 7 % 180)
      while not q:try_put(text) do
        assert.matches("^" .. next_out .. ":", q:try_get())
        next_out = next_out + 1
      end
    end
    while next_out <= 3000 do
      assert.matches("^" .. next_out .. ":", q:try_get())
      next_out = next_out + 1
    end
  end)

  it("says that it is empty or full, or waits for a time", function()
    local q = Queue(2)
    assert.are.same({ nil, "empty" }, { q:try_get() })
    assert.are.same({ nil, "timeout" }, { q:get(0.01) })
    assert.is_true(q:put(1))
    assert.is_true(q:put(2))
    assert.are.same({ false, "full" }, { q:try_put(3) })
    assert.are.same({ false, "timeout" }, { q:put(3, 0.01) })
    assert.are.equal(2, #q)
  end)

  it("is full when its bytes are, and tells how many it has", function()
    local q = Queue(4, { item_bytes = 256 })
    local items, bytes = q:capacity()
    assert.are.same({ 4, 1024 }, { items, bytes })
    assert.is_true(q:put(("x"):rep(900)))
    assert.are.same({ false, "full" }, { q:try_put(("x"):rep(900)) })
    refused("Queue: put: a value of 5001 bytes; the queue has 1024", q.put, q, ("x"):rep(5000))
    assert.are.equal(1, #q)
  end)

  it("ends when it is closed and empty", function()
    local q = Queue(4)
    q:put("last")
    q:close()
    assert.is_true(q:is_closed())
    refused("the queue is closed", q.put, q, 1)
    assert.are.equal("last", q:get())
    assert.are.same({ nil, "closed" }, { q:get() })
    assert.are.same({ nil, "closed" }, { q:try_get() })
    for _ in q:each() do error("nothing is left") end
  end)

  it("wakes those who wait, when something comes and when it is closed", function()
    local q, results = Queue(1), Queue(10)
    local pool <close> = WorkerPool { n_jobs = 2, shared_objects = { q, results } }
    local consumers = {}
    for i = 1, 2 do
      consumers[i] = pool:apply_async(function(s)
        local n = 0
        for v in s[1]:each() do
          s[2]:put(v * v)
          n = n + 1
        end
        return n
      end)
    end
    for v = 1, 10 do assert.is_true(q:put(v, LONG)) end
    q:close()
    assert.are.equal(10, consumers[1]:get() + consumers[2]:get())
    local sum = 0
    for _ = 1, 10 do sum = sum + results:get(LONG) end
    assert.are.equal(385, sum)
  end)

  it("loses and doubles nothing between many writers and readers", function()
    local q, seen = Queue(16), workerpool.Array("i", 8000)
    local pool <close> = WorkerPool { n_jobs = 4, shared_objects = { q, seen } }
    local readers = {}
    for i = 1, 2 do
      readers[i] = pool:apply_async(function(s)
        for v in s[1]:each() do s[2]:add(v.n, 1) end
      end)
    end
    local writers = {}
    for w = 0, 1 do
      writers[w + 1] = pool:apply_async(function(s, first)
        for n = first + 1, first + 4000 do s[1]:put({ n = n }) end
      end, { w * 4000 })
    end
    for _, w in ipairs(writers) do w:get() end
    q:close()
    for _, r in ipairs(readers) do r:get() end
    for n = 1, 8000 do assert.are.equal(1, seen[n]) end
  end)

  it("holds other shared objects, which live as long as it holds them", function()
    local q = Queue(4)
    local before = require("workerpool.shared").figures().objects
    do
      local a = workerpool.Array("i", { 7 })
      q:put({ array = a })
    end
    collectgarbage()
    collectgarbage()
    assert.are.equal(before + 1, require("workerpool.shared").figures().objects)
    local got = q:get()
    assert.are.equal(7, got.array[1])
    got = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert.are.equal(before, require("workerpool.shared").figures().objects)
  end)

  it("takes what it holds with it", function()
    collectgarbage()
    local before = require("workerpool.shared").figures().objects
    do
      local outer, inner = Queue(2), Queue(2)
      inner:put(workerpool.Array("i", 1))
      outer:put(inner)
    end
    collectgarbage()
    collectgarbage()
    assert.are.equal(before, require("workerpool.shared").figures().objects)
  end)

  it("is of use to the others after the death of a writer", function()
    local q = Queue(8)
    local pool <close> = WorkerPool { n_jobs = 1, shared_objects = q }
    assert.is_false((pcall(pool.apply, pool, function(queue)
      queue:put("before")
      os.execute("kill -KILL $PPID")
    end)))
    assert.are.equal("before", q:get(LONG))
    assert.are.same({ nil, "empty" }, { q:try_get() })
    assert.is_true(q:put("after"))
    assert.are.equal("after", q:get())
  end)

  it("refuses what it cannot hold", function()
    local q = Queue(2)
    refused("a queue cannot hold nil", q.put, q, nil)
    refused("cannot send value.*thread", q.put, q, coroutine.create(print))
    assert.are.equal(0, #q)
    refused("Queue: capacity: wanted an integer.*got 0", Queue, 0)
    refused("Queue: capacity: wanted an integer.*got nil", Queue)
    refused("Queue: unknown option 'item_byte' %(did you mean 'item_bytes'%?%)", Queue, 1,
      { item_byte = 1 })
    refused("workerpool.Queue expected, got table", q.put, {}, 1)
  end)

  for _, method in ipairs { "forkserver", "spawn", "threading" } do
    it("works under " .. method, function()
      local q = Queue(100)
      local pool <close> = WorkerPool { n_jobs = 2, start_method = method }
      pool:map(function(queue, n) queue:put({ n = n }) end, (function()
        local tasks = {}
        for n = 1, 50 do tasks[n] = table.pack(q, n) end
        return tasks
      end)())
      local sum = 0
      for _ = 1, 50 do sum = sum + q:get(LONG).n end
      assert.are.equal(1275, sum)
    end)
  end
end)

describe("Queues in pools of workers", function()
  helper.guard()

  it("reach the host from a pool inside a pool", function()
    local q = Queue(100)
    local pool <close> = WorkerPool { n_jobs = 2, daemon = false, shared_objects = q }
    pool:map(function(queue, x)
      local inner <close> = require("workerpool").WorkerPool { n_jobs = 2,
        shared_objects = queue }
      inner:map(function(shared, y) shared:put(y) end, { x, x + 1 })
    end, range(10))
    local sum = 0
    for _ = 1, 20 do sum = sum + q:get(LONG) end
    assert.are.equal(2 * 55 + 10, sum)
  end)
end)
