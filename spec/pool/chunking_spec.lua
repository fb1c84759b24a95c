-- How many tasks go in one message, and how many are taken from an iterator.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

describe("chunks", function()
  helper.guard()

  -- How many tasks each message held: tasks of one chunk see the same list of
  -- parcels that this worker has been given.
  local function sizes(tasks, opts)
    local pool <close> = WorkerPool { n_jobs = 1 }
    local real, sent = core.engine, {}
    local crew = require "workerpool.crew"
    local start = crew.new
    crew.new = function(...)
      local made = start(...)
      local engine = made.engine
      made.engine = setmetatable({}, { __index = function(_, name)
        return function(_, ...)
          if name == "submit" then sent[#sent + 1] = (select(4, ...)) end
          return engine[name](engine, ...)
        end
      end })
      return made
    end
    local ok, err = pcall(pool.map, pool, function(x) return x end, tasks, opts)
    crew.new = start
    core.engine = real
    assert(ok, err)
    return sent
  end

  it("have chunk_size tasks", function()
    assert.are.same({ 3, 3, 3, 1 }, sizes(workerpool.range(10), { chunk_size = 3 }))
  end)

  it("may have a fractional size", function()
    assert.are.same({ 3, 2, 3, 2 }, sizes(workerpool.range(10), { chunk_size = 2.5 }))
  end)

  it("are n_splits of the length", function()
    assert.are.same({ 4, 3, 3 }, sizes(workerpool.range(10), { n_splits = 3 }))
  end)

  it("grow over many short tasks and shrink towards the end", function()
    local list = sizes(workerpool.range(300000))
    local most, total = 0, 0
    for _, n in ipairs(list) do most, total = math.max(most, n), total + n end
    assert.are.equal(300000, total)
    assert.are.equal(1, list[1])
    assert.is_true(most > 1000, "the largest chunk had " .. most)
    assert.is_true(list[#list] < most / 10)
  end)

  it("stay at one for long tasks", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local began = helper.now()
    pool:map(function() core.sleep(0.05) end, workerpool.range(8))
    assert.is_true(helper.now() - began < 2 * helper.scale)
  end)

  it("need a length for n_splits", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, message = pcall(function()
      pool:map(print, function() end, { n_splits = 3 })
    end)
    assert.is_false(ok)
    assert.matches("chunking_spec.lua:%d+: map: n_splits needs a length", message)
    local list = pool:map(function(x) return x end,
      coroutine.wrap(function() for i = 1, 10 do coroutine.yield(i) end end),
      { n_splits = 3, iterable_len = 10 })
    assert.are.equal(10, list.n)
  end)

  it("take no more than iterable_len from an iterator and leave the rest", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local i = 0
    local function source()
      i = i + 1
      return i
    end
    local list = pool:map(function(x) return x end, source, { iterable_len = 7 })
    assert.are.equal(7, list.n)
    assert.are.equal(7, i)
  end)

  it("are fine with fewer tasks than iterable_len", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x) return x end, ("a b c"):gmatch("%w"),
      { iterable_len = 20 })
    assert.are.same({ "a", "b", "c", n = 3 }, list)
  end)

  it("no more workers start than there are chunks", function()
    local pool <close> = WorkerPool { n_jobs = 8, keep_alive = true }
    pool:map(function(x) return x end, { 1, 2 })
    assert.are.equal(2, #helper.children())
  end)
end)
