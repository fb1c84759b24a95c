-- timeout: 240
-- Every limit of docs/architecture.md, at it and one beyond.

local core = require "workerpool.core"
local helper = require "spec.support.helper"
local names = require "workerpool.names"
local workerpool = require "workerpool"

local function identity(...) return ... end

-- The message of a call that fails.
local function refusal(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  return tostring(err)
end

local function refused(text, f, ...)
  assert.matches(text, refusal(f, ...), 1, true)
end

describe("the limit of", function()
  helper.guard()

  it("workers is 1024", function()
    assert.are.equal(1024, core.limits.workers)
    workerpool.WorkerPool { n_jobs = 1024 }:terminate()
    refused("'n_jobs': wanted an integer from 0 to 1024, got 1025", workerpool.WorkerPool.new,
      { n_jobs = 1025 })
  end)

  it("workers and messages is the same in C", function()
    local done = helper.run({ helper.compile("spec/support/fixtures/limits.c") })
    assert.are.equal([[
0 workers: invalid argument
1 workers: success
1024 workers: success
1025 workers: invalid argument
a parcel over the limit: over a limit of the engine
a parcel of no task: invalid argument
a parcel of all tasks: success
a message at the limit: ENOMEM
a byte more: over a limit of the engine
all that can be counted: over a limit of the engine
]], done.stdout)
  end)

  it("parcels under way is 16384, for all workers and for one; 64 are kept spare", function()
    assert.are.equal(16384, core.limits.parcels)
    assert.are.equal(16320, core.limits.new_parcels)
    local codec = core.codec()
    core.write(codec, "args", 1)
    for _, target in ipairs { -1, 0 } do
      local engine = assert(core.engine(1, identity))
      local job = assert(engine:announce "")
      local first
      for i = 1, 16320 do
        local ticket = assert(engine:submit(job, codec, i, 1, 0, target))
        first = first or ticket
      end
      local ticket, message = engine:submit(job, codec, 0, 1, 0, target)
      assert.is_nil(ticket)
      assert.are.equal("the pool has no free slot", message)
      assert.is_true(engine:cancel(first))
      assert.is_truthy(engine:submit(job, codec, 0, 1, 0, -1 - target))
      engine:close()
    end
  end)

  it("parcels is none for who sends tasks: more wait", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
    local list = pool:map(identity, workerpool.range(20000), { chunk_size = 1 })
    assert.are.equal(20000, list[20000])
    local last
    for i = 1, 17000 do last = pool:apply_async(identity, { i }) end
    assert.are.equal(17000, last:get())
    pool:join()
  end)

  it("nesting is 4000, written and read", function()
    local codec = core.codec(names.new())
    local function nested(depth)
      local t = {}
      for _ = 2, depth do t = { t } end
      return t
    end
    local t, depth = codec:decode(codec:encode(nested(4000))), 0
    while t do t, depth = t[1], depth + 1 end
    assert.are.equal(4000, depth)
    refused("nested deeper than 4000 levels", codec.encode, codec, nested(4001))
    -- A list of one (0xCC 1) in another, and nil in the innermost.
    assert.is_table(codec:decode("\1" .. ("\xCC\1"):rep(4000) .. "\xC0"))
    refused("corrupt message: values nested too deep at byte", codec.decode, codec,
      "\1" .. ("\xCC\1"):rep(4001) .. "\xC0")
  end)

  it("tasks in one call is 2^40 - 1", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local most = (1 << 40) - 1
    local step, a, b, loop = pool:imap(identity, workerpool.range(most), { chunk_size = 1 })
    assert.are.same({ 1, 1 }, { step(a, b) })
    loop:close()
    refused("map: 1099511627776 tasks are too many: a call takes 1099511627775",
      pool.map, pool, identity, workerpool.range(most + 1))
    refused("imap: 9223372036854775807 tasks are too many", pool.imap, pool, identity,
      workerpool.range(math.maxinteger))
    refused("range: more numbers than can be counted", workerpool.range,
      math.mininteger, math.maxinteger)
  end)

  it("tasks in one chunk is 2^31, however many are asked for", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.map, pool, function(x) error("at " .. x, 0) end,
      workerpool.range((1 << 32) + 1), { chunk_size = 1 << 33 })
    assert.is_false(ok)
    assert.are.equal("at 1", err.message)
  end)

  it("arguments of a task is what Lua's stack takes", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local function many(n) return { { n = n } } end
    local function count_all(...) return select("#", ...) end
    assert.are.equal(400000, pool:map(count_all, many(400000))[1])
    -- They are there twice: as arguments, and as what `...` stands for.
    refused("stack overflow", pool.map, pool, count_all, { { n = 900000 } })
    refused("cannot send args: 1100000 arguments are too many", pool.map, pool, identity,
      { { n = 1100000 } })
  end)

  it("upvalues is Lua's own, 255", function()
    local names_of, values = {}, {}
    for i = 1, 255 do
      names_of[i], values[i] = "v" .. i, tostring(i)
    end
    -- Locals are 200 at most, so they come from two functions.
    local code = ("local %s = %s\nlocal function outer() local %s = %s\n"
      .. "return function() return %s end end\nreturn outer()")
      :format(table.concat(names_of, ",", 1, 190), table.concat(values, ",", 1, 190),
        table.concat(names_of, ",", 191, 255), table.concat(values, ",", 191, 255),
        table.concat(names_of, "+"))
    local f = assert(load(code))()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    assert.are.equal(255 * 256 // 2, pool:apply(function() return f() end))
  end)

  it("a name is none", function()
    local name = ("n"):rep(100000)
    local Class = {}
    workerpool.register_class(name, Class)
    local codec = core.codec(names.new())
    assert.are.equal(Class, getmetatable(codec:decode(codec:encode(setmetatable({}, Class)))))
  end)

  it("parties of a barrier, permits of a semaphore", function()
    workerpool.Barrier(1024)
    refused("parties: wanted an integer from 1 to 1024, got 1025", workerpool.Barrier, 1025)
    workerpool.Semaphore((1 << 31) - 1)
    refused("permits: wanted an integer from 0 to 2147483647, got 2147483648",
      workerpool.Semaphore, 1 << 31)
  end)

  it("items of a queue, their bytes, keys of a dict", function()
    workerpool.Queue(1 << 24, { item_bytes = 8 })
    refused("capacity: wanted an integer from 1 to 16777216", workerpool.Queue, (1 << 24) + 1)
    refused("item_bytes: wanted an integer from 1 to", workerpool.Queue, 1,
      { item_bytes = (1 << 36) + 1 })
    workerpool.Dict { capacity = 1 << 24, bytes = 1024 }
    refused("capacity: wanted an integer from 1 to 16777216", workerpool.Dict,
      { capacity = (1 << 24) + 1 })
    refused("bytes: wanted an integer from 1024 to", workerpool.Dict, { bytes = 1023 })
  end)

  it("what a queue and a dict hold", function()
    local queue = workerpool.Queue(3, { item_bytes = 1000 })
    for i = 1, 3 do assert.is_true(queue:put(i, 0)) end
    assert.is_false((queue:put(4, 0)))
    assert.are.equal(1, queue:get(0))
    assert.is_true(queue:put(4, 0))
    refused("bytes; the queue has", queue.put, queue, ("x"):rep(4000))
    local dict = workerpool.Dict { capacity = 3, bytes = 1024 }
    for i = 1, 3 do dict[i] = i end
    refused("Dict: full: 3 of 3 keys", function() dict[4] = 4 end)
    dict[3] = nil
    dict[4] = 4
    refused("the dict has 1024 in all", function() dict[1] = ("x"):rep(1024) end)
  end)

  it("elements of an array: none, and more than there is address space", function()
    assert.are.equal(0, #workerpool.Array("d", 0))
    refused("Array: length: wanted an integer of at least 0, got -1", workerpool.Array, "d", -1)
    refused("no room for 8796093022336 bytes of shared memory", workerpool.Array, "d", 1 << 40)
    refused("no room for 9223372036854775807 elements of double", workerpool.Array, "d",
      math.maxinteger)
    local array = workerpool.Array("b", { 127, -128 })
    refused("does not fit int8", function() array[1] = 128 end)
    refused("does not fit int8", function() array[1] = -129 end)
    refused("index 3 out of range 1..2", function() array[3] = 1 end)
    refused("index 0 out of range 1..2", function() return array[0] == nil and array:add(0) end)
  end)
end)
