-- Tasks of apply_async that wait for room in the engine were taken from the
-- front of a list, which is moved whole for each: n tasks cost n squared.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("tasks that wait for room in the engine", function()
  helper.guard()

  local function same(x) return x end

  it("are sent in order, but for those that are cancelled", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local gate = workerpool.Event()
    local blocker = pool:apply_async(function(event) event:wait() end, { gate })
    local results, order = {}, {}
    for i = 1, 20000 do
      results[i] = pool:apply_async(same, i, { callback = function(x) order[#order + 1] = x end })
    end
    assert.is_true(results[20000]:cancel())
    assert.is_true(results[17000]:cancel())
    gate:set()
    blocker:get()
    assert.are.equal(19999, results[19999]:get())
    assert.are.equal(19998, #order)
    for i = 2, #order do assert.is_true(order[i - 1] < order[i]) end
  end)

  -- As work and not as time: how often Lua calls and counts is the same on a
  -- busy machine.
  it("cost what they are, and not what waits behind them", function()
    local function moved(n)
      local count, remove = 0, table.remove
      table.remove = function(list, ...) -- luacheck: ignore 122
        count = count + #list
        return remove(list, ...)
      end
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      local results = {}
      for i = 1, n do results[i] = pool:apply_async(same, i) end
      for i = 1, n do assert.are.equal(i, results[i]:get()) end
      table.remove = remove -- luacheck: ignore 122
      return count
    end
    assert.is_true(moved(40000) < 40000)
  end)
end)
