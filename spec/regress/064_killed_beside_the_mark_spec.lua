-- A worker that is killed for the sake of one task, because that is cancelled or its loop
-- has been left, may have done with it just then, and begun another: that one was told
-- to have crashed.

local core = require "workerpool.core"
local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("a task beside one that is given up", function()
  local goes, begun = workerpool.Value("i", 0), workerpool.Value("i", 0)
  local is_here = workerpool.Value("i", 0)
  helper.guard()

  -- The one that is given up: it ends when its worker is about to be killed.
  local function first()
    is_here.value = 1
    while goes.value == 0 do core.sleep(0.001) end
  end

  local function second()
    begun:add(1)
    if begun.value == 1 then core.sleep(60) end
    return "second"
  end

  -- A pool whose worker has begun the second task when it is killed.
  local function pool_with(keeps)
    goes.value, begun.value, is_here.value = 0, 0, 0
    local pool = workerpool.WorkerPool { n_jobs = 1, keep_alive = keeps }
    assert.are.same({ 1, n = 1 }, pool:map(math.abs, { -1 }))
    local one = pool:apply_async(math.abs, { -1 })
    assert.are.equal(1, one:get())
    local crew = pool.crew
    local kill = crew.kill
    function crew.kill(...)
      crew.kill, goes.value = nil, 1
      assert.is_true(helper.eventually(function() return begun.value == 1 end))
      return kill(...)
    end
    return pool
  end

  it("does not crash when that is cancelled", function()
    local pool <close> = pool_with(false)
    local given_up, result = pool:apply_async(first), pool:apply_async(second)
    assert.is_true(helper.eventually(function() return is_here.value == 1 end))
    given_up:cancel()
    assert.are.equal("second", result:get())
    assert.are.equal(2, begun.value)
  end)

  it("does not crash when its loop is left", function()
    local pool <close> = pool_with(true)
    local step, state, control, loop = pool:imap(function(i)
      if i == 2 then first() end
    end, { 1, 2 }, { chunk_size = 1 })
    assert.are.equal(1, step(state, control))
    assert.is_true(helper.eventually(function() return is_here.value == 1 end))
    local result = pool:apply_async(second)
    loop:close()
    assert.are.equal("second", result:get())
    assert.are.equal(2, begun.value)
  end)
end)
