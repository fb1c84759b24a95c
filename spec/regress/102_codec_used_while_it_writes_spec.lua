-- Who used a codec while it wrote could spoil the message. A __workerpool_pack that tried
-- to send a task through the same pool took the long strings out of the message that was
-- being written; and a finalizer that ran while the code of a function was made, or while
-- a class was looked at, wrote into the middle of it.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local workerpool = require "workerpool"

describe("A codec that is used while it writes", function()
  helper.guard()

  local during
  local Thing = { __name = "Thing102" }
  Thing.__workerpool_pack = function(thing)
    if during then during() end
    return thing.value
  end
  Thing.__workerpool_unpack = function(value) return setmetatable({ value = value }, Thing) end
  workerpool.register_class("Thing102", Thing)

  local LONG = ("long"):rep(10000)

  it("keeps the long strings of the message", function()
    local codec = core.codec()
    local refused
    during = function()
      local _, err = core.write_tasks(codec, { 1 }, 1, 1, true)
      refused = err
    end
    core.write_tasks(codec, { { LONG, setmetatable({ value = 7 }, Thing), LONG .. "er" } }, 1, 1)
    during = nil
    assert.matches("a codec cannot write while", refused, 1, true)
    local a, b, c = core.task_arguments(codec, core.output(codec), 0)
    assert.is_true(a == LONG)
    assert.are.equal(7, b.value)
    assert.is_true(c == LONG .. "er")
  end)

  it("keeps the message of a pool whose __workerpool_pack uses the pool", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local results
    during = function() results = { pcall(pool.apply_async, pool, print, { 1 }) } end
    local length, value = pool:apply(function(long, thing)
      return #long, thing.value
    end, { LONG, setmetatable({ value = 8 }, Thing) })
    during = nil
    assert.are.same({ #LONG, 8 }, { length, value })
    assert.is_false(results[1])
  end)

  -- Finalizers that make new garbage with finalizers: some run at any place where
  -- anything is made.
  it("by finalizers writes what it was to write", function()
    local codec = core.codec()
    local ended, ran = false, 0
    local function litter()
      setmetatable({}, { __gc = function()
        if ended then return end
        ran = ran + 1
        pcall(codec.encode, codec, { { "nested", ("y"):rep(ran % 5000) } })
        pcall(core.write_tasks, codec, { { ("q"):rep(9000) } }, 1, 1)
        litter()
      end })
    end
    for _ = 1, 20 do litter() end
    collectgarbage("generational")
    for i = 1, 1000 do
      local list = {}
      for k = 1, 5 do
        local make = load(("local u = ...; return function() return u[1] + %d end"):format(i + k))
        list[k] = make({ i })
      end
      local thing = setmetatable({ value = i }, Thing)
      local bytes = codec:encode("first", list, thing, LONG)
      local first, functions, back, long = codec:decode(bytes)
      assert.are.equal("first", first)
      assert.are.equal(2 * i + 3, functions[3]())
      assert.are.equal(i, back.value)
      assert.is_true(long == LONG)
    end
    ended = true
    collectgarbage("incremental")
    assert.is_true(ran > 50)
  end)
end)
