-- timeout: 180
-- Dict: keys and values that processes have in common.

local helper = require "spec.support.helper"
local refused = require("spec.support.refusals").refused
local workerpool = require "workerpool"
local WorkerPool, Dict, range = workerpool.WorkerPool, workerpool.Dict, workerpool.range

local LONG = 60

describe("A Dict whose values are read", function()
  helper.guard()

  it("may be used by finalizers meanwhile", function()
    local dict, value = workerpool.Dict(), {}
    for i = 1, 500 do value[i] = { i, ("x"):rep(i % 50) } end
    dict.value = value
    local ended, failure = false, nil
    local function litter()
      setmetatable({}, { __gc = function()
        if ended then return end
        local ok, err = pcall(dict.incr, dict, "finalized")
        if not ok then failure = err end
        litter()
      end })
    end
    for _ = 1, 20 do litter() end
    for _ = 1, 300 do assert.are.equal(500, #dict.value) end
    ended = true
    assert.is_nil(failure)
    assert.is_true(dict.finalized > 10)
  end)
end)

describe("A Dict", function()
  helper.guard()

  it("is used like a table", function()
    local d = Dict()
    d.name, d[1], d[-2], d[true], d[1.5] = "x", { 1, 2 }, 2.0, false, "half"
    assert.are.equal("x", d.name)
    assert.are.same({ 1, 2 }, d[1])
    assert.are.equal("float", math.type(d[-2]))
    assert.is_false(d[true])
    assert.are.equal("half", d[1.5])
    assert.is_nil(d.other)
    assert.is_nil(d[2])
    assert.are.equal(5, #d)
    assert.are.same({ name = "x", [1] = { 1, 2 }, [-2] = 2.0, [true] = false, [1.5] = "half" },
      d:totable())
    d.name = nil
    assert.is_nil(d.name)
    assert.are.equal(4, #d)
  end)

  it("takes 1 and 1.0 for one key, as a table does", function()
    local d = Dict()
    d[1.0] = "one"
    assert.are.equal("one", d[1])
    assert.are.equal("integer", math.type(d:keys()[1]))
    d["1"] = "text"
    assert.are.equal(2, #d)
  end)

  it("has keys that are named like its methods", function()
    local d = Dict()
    d:set("get", 1)
    assert.are.equal(1, d:get("get"))
    assert.are.equal("function", type(d.get))
    assert.are.equal(7, d:get("none", 7))
    assert.is_true(d:has("get"))
    assert.is_true(d:delete("get"))
    assert.is_false(d:delete("get"))
    assert.is_false(d:has("get"))
  end)

  it("adds only what is new", function()
    local d = Dict()
    assert.is_true(d:add("k", 1))
    assert.is_false(d:add("k", 2))
    assert.are.equal(1, d.k)
  end)

  it("counts", function()
    local d = Dict()
    assert.are.equal(1, d:incr("n"))
    assert.are.equal(11, d:incr("n", 10))
    assert.are.equal(10.5, d:incr("n", -0.5))
    d.text = "x"
    refused("Dict: incr: the value is no number but a string", d.incr, d, "text")
    d.big = math.maxinteger
    refused("out of the range of integers", d.incr, d, "big")
    assert.are.equal(math.maxinteger, d.big)
  end)

  it("updates a value by a function, nil for none", function()
    local d = Dict()
    local function push(x)
      return function(list)
        list = list or {}
        list[#list + 1] = x
        return list
      end
    end
    d:update("list", push("a"))
    assert.are.same({ "a", "b" }, d:update("list", push("b")))
    assert.is_nil(d:update("list", function() end))
    assert.are.equal(0, #d)
    d.k = 1
    refused("in f", d.update, d, "k", function() error("in f") end)
    assert.are.equal(1, d.k)
    d.k = 2
  end)

  it("is walked through as it was when the loop began", function()
    local d = Dict()
    for i = 1, 100 do d["k" .. i] = i end
    local n, sum = 0, 0
    for key, value in pairs(d) do
      d[key] = nil
      n, sum = n + 1, sum + value
    end
    assert.are.same({ 100, 5050, 0 }, { n, sum, #d })
    d:clear()
    for i = 1, 10 do d[i] = i end
    d:clear()
    assert.are.equal(0, #d)
    assert.are.same({}, d:keys())
  end)

  it("keeps all through many changes of values of all sizes", function()
    local d = Dict { capacity = 64, bytes = 1 << 16 }
    local model = {}
    math.randomseed(11)
    for n = 1, 20000 do
      local key = "k" .. math.random(40)
      if math.random(4) == 1 then
        d[key], model[key] = nil, nil
      else
        local value = ("%d;"):format(n):rep(math.random(0, 60))
        d[key], model[key] = value, value
      end
    end
    assert.are.same(model, d:totable())
  end)

  it("says how many keys and bytes it has when it is full", function()
    local d = Dict { capacity = 3, bytes = 1024 }
    assert.are.same({ 3, 1024 }, { d:capacity() })
    d.a, d.b, d.c = 1, 2, 3
    refused("Dict: full: 3 of 3 keys", function() d.e = 1 end)
    d.a = 4
    assert.are.equal(4, d.a)
    d.a = nil
    refused("Dict: a value of 2001 bytes; the dict has 1024 in all", function()
      d.e = ("x"):rep(2000)
    end)
    refused("Dict: full", function()
      d.b = ("x"):rep(600)
      d.c = ("y"):rep(600)
    end)
    assert.are.equal(3, d.c)
  end)

  it("waits for room, for a time", function()
    local d = Dict { capacity = 1 }
    d.a = 1
    assert.are.same({ false, "timeout" }, { d:set("b", 1, 0.01) })
    local pool <close> = WorkerPool { n_jobs = 1, shared_objects = d }
    local r = pool:apply_async(function(dict) return dict:set("b", 2, 60) end)
    d.a = nil
    assert.is_true(r:get())
    assert.are.equal(2, d.b)
  end)

  it("loses no count between processes", function()
    local d = Dict()
    local pool <close> = WorkerPool { n_jobs = 4, shared_objects = d }
    pool:map(function(dict, x)
      for i = 1, 500 do
        dict:incr("all")
        dict:incr("part" .. i % 5)
        dict:update("list" .. x % 3, function(v) return { n = (v and v.n or 0) + 1 } end)
      end
    end, range(8), { chunk_size = 1 })
    assert.are.equal(4000, d.all)
    for i = 0, 4 do assert.are.equal(800, d["part" .. i]) end
    assert.are.equal(4000, d.list0.n + d.list1.n + d.list2.n)
  end)

  it("is whole after the death of one who was changing it", function()
    local d = Dict()
    d.k = "before"
    local pool <close> = WorkerPool { n_jobs = 1, shared_objects = d }
    assert.is_false((pcall(pool.apply, pool, function(dict)
      dict.other = "done"
      dict:update("k", function() os.execute("kill -KILL $PPID") end)
    end)))
    assert.are.equal("before", d:get("k"))
    assert.are.equal("done", d.other)
    assert.are.equal(1, d:deaths())
    d.k = "after"
    assert.are.equal("after", d.k)
  end)

  it("holds other shared objects, and drops them", function()
    collectgarbage()
    local before = require("workerpool.shared").figures().objects
    local d = Dict()
    d.array = workerpool.Array("i", { 5 })
    collectgarbage()
    collectgarbage()
    assert.are.equal(5, d.array[1])
    d.array:add(1, 1)
    assert.are.equal(6, d.array[1])
    d.array = 1
    collectgarbage()
    collectgarbage()
    assert.are.equal(before + 1, require("workerpool.shared").figures().objects)
  end)

  it("refuses what it cannot hold", function()
    local d = Dict()
    refused("Dict: a key is a string, a number or a boolean, got table",
      function() d[{}] = 1 end)
    refused("got table", function() return d[{}] end)
    refused("nan cannot be a key", function() d[0 / 0] = 1 end)
    refused("cannot send value.*thread", function() d.k = coroutine.create(print) end)
    refused("cannot hold nil", d.add, d, "k", nil)
    assert.is_nil(d[nil])
    refused("Dict: capacity: wanted an integer", Dict, { capacity = 0 })
    refused("Dict: unknown option 'size'", Dict, { size = 1 })
    refused("Dict: wanted a table of options, got 5", Dict, 5)
    local inside
    refused("holds the lock already", d.update, d, "k", function()
      inside = true
      return d.k
    end)
    assert.is_true(inside)
    assert.is_true(d:set("k", 1, LONG))
  end)

  for _, method in ipairs { "forkserver", "spawn", "threading" } do
    it("works under " .. method, function()
      local d = Dict()
      local pool <close> = WorkerPool { n_jobs = 2, start_method = method, shared_objects = d }
      pool:map(function(dict, x)
        dict:incr("n")
        dict["x" .. x] = { x = x }
      end, range(50))
      assert.are.equal(50, d.n)
      assert.are.equal(17, d.x17.x)
      assert.are.equal(51, #d)
    end)
  end
end)
