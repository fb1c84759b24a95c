-- timeout: 120
-- Handles of shared objects that were garbage, and not yet collected, counted: the
-- 131,073rd object that a process received was refused ("the pool has no free
-- slot"), and so was the slice of an array.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local MOST = 131072 -- handles of a process

-- Runs f while nothing is collected but by force.
local function without_collector(f)
  collectgarbage("stop")
  local ok, err = pcall(f)
  collectgarbage("restart")
  if not ok then error(err, 0) end
end

describe("Handles that are garbage", function()
  helper.guard()

  local function same(array) return array end

  it("make room for those that a host receives", function()
    local pool <close> = workerpool.WorkerPool {
      n_jobs = 1, shared_objects = workerpool.Array("q", { 1 }),
    }
    local sum, n = 0, MOST + 5000
    without_collector(function()
      for _, array in pool:imap(same, workerpool.range(n), { chunk_size = 500 }) do
        sum = sum + array[1]
      end
    end)
    assert.are.equal(n, sum)
  end)

  it("make room for slices", function()
    local array, sum = workerpool.Array("q", { 1, 2 }), 0
    without_collector(function()
      for _ = 1, MOST + 5000 do sum = sum + array:slice(2, 2)[1] end
    end)
    assert.are.equal(2 * (MOST + 5000), sum)
  end)

  it("are told from those that are not", function()
    local array, kept = workerpool.Array("q", { 1 }), {}
    local pool <close> = workerpool.WorkerPool {
      n_jobs = 1, shared_objects = array, keep_alive = true,
    }
    pool:map(same, { 1 })
    local ok, err = pcall(function()
      for i = 1, MOST do kept[i] = array:slice(1, 1) end
    end)
    assert.is_false(ok)
    assert.matches("too many shared objects in this process", err, 1, true)
    ok, err = pcall(pool.map, pool, same, { 1 })
    assert.is_false(ok)
    assert.matches("cannot receive a workerpool.Array: too many shared objects in this process",
      err.message, 1, true)
    ok, err = pcall(pool.map, pool, same, { array })
    assert.is_false(ok)
    assert.matches("cannot send a workerpool.Array: too many shared objects in this process",
      tostring(err), 1, true)
    assert.is_true(#kept > MOST - 10)
    for i = #kept, 1, -1 do kept[i] = nil end
    assert.are.equal(1, pool:map(same, { 1 })[1][1])
  end)
end)
