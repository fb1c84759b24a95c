-- timeout: 120
-- Array and Value: numbers in memory that host and workers have in common.

local helper = require "spec.support.helper"
local refused = require("spec.support.refusals").refused
local workerpool = require "workerpool"
local WorkerPool, Array, Value = workerpool.WorkerPool, workerpool.Array, workerpool.Value
local range = workerpool.range

local RANGES = {
  b = { -128, 127 }, B = { 0, 255 }, h = { -32768, 32767 }, H = { 0, 65535 },
  i = { -2147483648, 2147483647 }, I = { 0, 4294967295 },
  l = { math.mininteger, math.maxinteger }, q = { math.mininteger, math.maxinteger },
}
local NAMES = {
  int8 = "b", uint8 = "B", int16 = "h", uint16 = "H", int32 = "i", uint32 = "I",
  int64 = "q", uint64 = "Q", float = "f", double = "d",
}

local function store(a, i, v) a[i] = v end

describe("An Array", function()
  helper.guard()

  for code, limits in pairs(RANGES) do
    it(("of '%s' holds %d to %d"):format(code, limits[1], limits[2]), function()
      local a = Array(code, limits)
      assert.are.same(limits, a:totable())
      assert.are.equal("integer", math.type(a[1]))
      if code ~= "l" and code ~= "q" then
        refused(("Array%%('%s'%%): value %d at index 2 does not fit"):format(code, limits[2] + 1),
          store, a, 2, limits[2] + 1)
        refused("does not fit", store, a, 1, limits[1] - 1)
      end
      assert.are.same(limits, a:totable())
    end)
  end

  for name, code in pairs(NAMES) do
    it(("knows %s"):format(name), function()
      assert.are.equal(code, Array(name, 1):typecode())
    end)
  end

  it("of floats holds what the type has of a number", function()
    local f, d = Array("f", { 0.5, 1 / 3 }), Array("d", { 1 / 3, math.huge })
    assert.are.equal(0.5, f[1])
    assert.are.equal(string.unpack("f", string.pack("f", 1 / 3)), f[2])
    assert.are.same({ 1 / 3, math.huge }, d:totable())
    d[1] = 0 / 0
    assert.is_true(d[1] ~= d[1])
  end)

  it("counts from 1, has a length and ends for ipairs", function()
    local a, seen = Array("i", 3), {}
    assert.are.equal(3, #a)
    a[1], a[2], a[3] = 5, 6, 7
    for i, x in ipairs(a) do seen[i] = x end
    assert.are.same({ 5, 6, 7 }, seen)
    for i, x in a:each() do seen[i] = -x end
    assert.are.same({ -5, -6, -7 }, seen)
    assert.are.equal("Array('i')[3]", tostring(a))
  end)

  it("takes an integral float for an integer, as Lua does", function()
    local a = Array("i", 2)
    a[1.0], a[2] = 4.0, 3
    assert.are.equal(4, a[1])
    assert.are.equal("integer", math.type(a[1]))
  end)

  it("may be empty", function()
    local a = Array("d", 0)
    assert.are.equal(0, #a)
    assert.are.same({}, a:totable())
    assert.are.equal(0, a:sum())
    refused("index 1 out of range", store, a, 1, 1)
  end)

  it("refuses an index outside, naming it and the bounds", function()
    local a = Array("h", 4)
    for _, i in ipairs { 0, 5, -1, 1.5, math.maxinteger, math.mininteger } do
      refused("Array%('h'%): index " .. tostring(i):gsub("%p", "%%%0") .. " out of range 1%.%.4",
        store, a, i, 1)
      refused("out of range 1%.%.4", a.get, a, i)
    end
    refused("an index is a number, got x", store, a, "x", 1)
  end)

  it("refuses a value that the type has not, naming both", function()
    local a = Array("i", 2)
    refused("value 1%.5 at index 2 has no integer representation %(int32%)", store, a, 2, 1.5)
    refused("number expected at index 1, got string", store, a, 1, "7")
    refused("number expected at index 1, got nil", store, a, 1, nil)
    assert.are.same({ 0, 0 }, a:totable())
  end)

  it("refuses to be made of what it cannot hold", function()
    refused("unknown typecode 'x'", Array, "x", 3)
    refused("wanted an integer of at least 0", Array, "i", -1)
    refused("Array: length", Array, "i", 1.5)
    refused("at index 2", Array, "B", { 1, 256 })
    refused("no whole number of elements", Array, "i", "12345")
    refused("did you mean 'lock'", Array, "i", 1, { lokc = true })
    refused("lock: wanted", Array, "i", 1, { lock = 1 })
    refused("no room", Array, "d", math.maxinteger)
    refused("wanted a length or a list, got nil", Array, "d", nil)
  end)

  it("adds, swaps, and takes the less and the greater", function()
    local a = Array("i", { 5, 0 })
    assert.are.equal(6, a:add(1))
    assert.are.equal(4, a:add(1, -2))
    assert.are.same({ true, 4 }, { a:cas(1, 4, 9) })
    assert.are.same({ false, 9 }, { a:cas(1, 4, 1) })
    assert.are.equal(3, a:min(1, 3))
    assert.are.equal(3, a:min(1, 8))
    assert.are.equal(8, a:max(1, 8))
    a[2] = 2147483647
    refused("value 2147483647 at index 2 plus 1 does not fit int32", a.add, a, 2, 1)
    assert.are.equal(2147483647, a[2])
  end)

  it("adds to floats as well", function()
    local a = Array("d", { 0.5 })
    assert.are.equal(0.75, a:add(1, 0.25))
    assert.are.equal(-1.0, a:min(1, -1))
  end)

  it("fills, sums and copies, whole or in part", function()
    local a = Array("i", 10)
    assert.are.equal(a, a:fill(7))
    a:fill(1, 3, 4)
    assert.are.equal(58, a:sum())
    assert.are.equal(2, a:sum(3, 4))
    assert.are.same({ 7, 1, 1, 7 }, a:totable(2, 5))
    a:copy_from({ 8, 9 }, 9)
    a:copy_from(Array("d", { 3, 4 }))
    assert.are.same({ 3, 4, 1, 1, 7, 7, 7, 7, 8, 9 }, a:totable())
    assert.are.equal(string.pack("i4i4", 3, 4), a:tostring(1, 2))
    a:copy_from(string.pack("i4", -1), 10)
    assert.are.equal(-1, a[10])
    refused("2 elements from index 10 on do not fit 1%.%.10", a.copy_from, a, { 1, 2 }, 10)
    refused("out of range", a.fill, a, 0, 0, 3)
    refused("out of range", a.sum, a, 1, 11)
    refused("list, Array or string", a.copy_from, a, true)
  end)

  it("sums integers without rounding, past 2^53", function()
    local a = Array("q", { (1 << 53) + 1, 1, 1 })
    assert.are.equal((1 << 53) + 3, a:sum())
  end)

  it("gives slices that are views", function()
    local a = Array("i", { 1, 2, 3, 4, 5 })
    local s = a:slice(2, 4)
    assert.are.same({ 2, 3, 4 }, s:totable())
    s[1] = 20
    assert.are.equal(20, a[2])
    assert.are.same({ 3, 4 }, s:slice(2):totable())
    refused("index 4 out of range 1%.%.3", store, s, 4, 1)
    a = nil -- luacheck: ignore
    collectgarbage()
    assert.are.equal(20, s[1])
  end)

  it("copies a slice over itself", function()
    local a = Array("B", { 1, 2, 3, 4, 5 })
    a:slice(2, 5):copy_from(a:slice(1, 4))
    assert.are.same({ 1, 1, 2, 3, 4 }, a:totable())
  end)

  it("without a lock says so when one is wanted", function()
    local a = Array("i", 1, { lock = false })
    refused("lock = false", a.lock, a)
  end)

  it("has a lock that is given back when the function raises", function()
    local a = Array("i", 1)
    assert.are.equal("x", a:with_lock(function(self) self[1] = 1 return "x" end))
    refused("inside", a.with_lock, a, function() error("inside") end)
    assert.is_true(a:try_lock())
    refused("holds the lock already", a.lock, a)
    a:unlock()
    refused("unlock without the lock", a.unlock, a)
    do local _ <close> = a:guard() end
    assert.is_true(a:try_lock(0.1))
    a:unlock()
  end)

  it("wakes who waits for a change", function()
    local a = Array("i", 2)
    local pool <close> = WorkerPool { n_jobs = 1, shared_objects = a }
    local waiting = pool:apply_async(function(shared)
      shared[2] = 1
      return shared:wait(1, 0, 20)
    end)
    assert(helper.eventually(function() return a[2] == 1 end))
    a[1] = 5
    a:notify(1)
    assert.is_true(waiting:get(20))
    assert.is_false(a:wait(1, 5, 0.01))
    assert.is_true(a:wait(1, 4, 10))
  end)
end)

describe("A Value", function()
  helper.guard()

  it("is one number", function()
    local v = Value("i", 3)
    v.value = v.value + 4
    assert.are.equal(7, v.value)
    assert.are.equal(8, v:add())
    assert.are.same({ true, 8 }, { v:cas(8, 1) })
    assert.are.equal(5, v:max(5))
    assert.are.equal(2, v:min(2))
    v:set(9)
    assert.are.equal(9, v:get())
    assert.are.equal("Value('i'): 9", tostring(v))
    assert.are.equal(0.0, Value("d").value)
  end)

  it("refuses what it has not", function()
    local v = Value("B", 0)
    refused("Value%('B'%): value 256 at index 1 does not fit uint8",
      function() v.value = 256 end)
    refused("has no field 'val'", function() v.val = 1 end)
    refused("does not fit", Value, "b", 200)
    assert.is_nil(v.val)
  end)
end)

describe("Shared numbers in a pool", function()
  helper.guard()

  for _, method in ipairs { "fork", "forkserver", "spawn", "threading" } do
    it("travel in shared objects, arguments and results: " .. method, function()
      local a, v = Array("q", 4), Value("q", 0)
      local pool <close> = WorkerPool { n_jobs = 2, start_method = method, shared_objects = v }
      local later = Array("q", 100)
      pool:map(function(total, part, x)
        part[x] = x
        total:add(x)
      end, (function()
        local tasks = {}
        for x = 1, 100 do tasks[x] = table.pack(later, x) end
        return tasks
      end)())
      assert.are.equal(5050, v.value)
      assert.are.equal(5050, later:sum())
      local back = pool:apply(function(_, array) array[4] = 1 return array:slice(3, 4) end, { a })
      assert.are.same({ 0, 1 }, back:totable())
      local made = pool:apply(function()
        return require("workerpool").Array("i", { 1, 2, 3 })
      end)
      pool:stop_and_join()
      assert.are.same({ 1, 2, 3 }, made:totable())
    end)

    it("lose no atomic add: " .. method, function()
      local v, a = Value("q", 0), Array("d", 2)
      local pool <close> = WorkerPool { n_jobs = 4, start_method = method, shared_objects = { v, a } }
      pool:map(function(shared)
        local value, array = shared[1], shared[2]
        for _ = 1, 20000 do
          value:add(1)
          array:add(2, 0.5)
        end
      end, range(8), { chunk_size = 1 })
      assert.are.equal(160000, v.value)
      assert.are.equal(80000.0, a[2])
    end)
  end

  it("lose nothing under a lock", function()
    local v = Value("i", 0)
    local pool <close> = WorkerPool { n_jobs = 4, shared_objects = v }
    pool:map(function(shared)
      for _ = 1, 500 do
        local _ <close> = shared:guard()
        shared.value = shared.value + 1
      end
    end, range(8), { chunk_size = 1 })
    assert.are.equal(4000, v.value)
  end)

  it("reach the pools of workers", function()
    local v = Value("i", 0)
    local pool <close> = WorkerPool { n_jobs = 2, daemon = false }
    pool:map(function(value, x)
      local inner <close> = require("workerpool").WorkerPool { n_jobs = 2 }
      inner:map(function(y) value:add(y) end, { x, x })
    end, { table.pack(v, 1), table.pack(v, 10) })
    assert.are.equal(22, v.value)
  end)

  it("are told when the owner of the lock was killed", function()
    local v = Value("i", 0)
    local pool <close> = WorkerPool { n_jobs = 1, shared_objects = v }
    local ok = pcall(pool.apply, pool, function(shared)
      shared:lock()
      shared.value = 1
      os.execute("kill -9 $PPID")
    end)
    assert.is_false(ok)
    assert.are.same({ true, "owner died" }, { v:try_lock(20) })
    v:unlock()
    assert.are.same({ true }, { v:try_lock() })
    v:unlock()
  end)

  it("give their memory back when the last handle goes", function()
    collectgarbage() collectgarbage()
    local before = workerpool.shared_figures and workerpool.shared_figures() or
      require("workerpool.shared").figures()
    for _ = 1, 2000 do Array("d", 1000) end
    collectgarbage() collectgarbage()
    local after = require("workerpool.shared").figures()
    assert.are.equal(before.objects, after.objects)
    assert.are.equal(before.bytes, after.bytes)
  end)
end)

describe("What cannot be made", function()
  helper.guard()

  local CALLS = {
    ["a type that there is not"] = { Array, "zz", 3 },
    ["a value that does not fit"] = { Array, "b", { 1000 } },
    ["a length below 0"] = { Array, "b", -1 },
    ["a Value of a string"] = { Value, "i", "x" },
    ["an option that there is not"] = { Value, "i", 1, { locked = true } },
    ["a Semaphore below 0"] = { workerpool.Semaphore, -1 },
  }
  for what, call in pairs(CALLS) do
    it("is blamed on the line that asked for it: " .. what, function()
      local line
      local ok, message = pcall(function()
        line = debug.getinfo(1, "l").currentline + 1
        local made = call[1](table.unpack(call, 2))
        return made
      end)
      assert.is_false(ok)
      assert.matches(("/array_spec.lua:%d: "):format(line), message, 1, true)
    end)
  end
end)
