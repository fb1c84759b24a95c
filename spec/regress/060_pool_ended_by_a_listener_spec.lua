-- on_output, or a callback, that ended its own pool: what the handler of the event did
-- then met an engine that was no more. `get` raised "crew.lua:287: the pool is closed",
-- and a task that was to end behind its listener never did.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local workerpool = require "workerpool"

local function same(...) return ... end

local function print_and_die()
  print("x")
  io.stdout:flush()
  os.exit(3)
end

describe("a pool that is ended by the code of its own task", function()
  helper.guard()

  for _, how in ipairs { "terminate", "stop_and_join" } do
    for retries = 0, 1 do
      it(("has ended the task of its on_output: %s, %d retries"):format(how, retries), function()
        local pool = workerpool.WorkerPool { n_jobs = 2, output = "capture" }
        local told, heard = {}, 0
        local result = pool:apply_async(print_and_die, {}, {
          retries = retries,
          on_output = function()
            heard = heard + 1
            pool[how](pool)
          end,
          error_callback = function(err) told[#told + 1] = err.kind end,
        })
        local ok, err = pcall(result.get, result)
        local kind = how == "terminate" and retries == 1 and "cancelled" or "crash"
        assert.are.same({ false, kind }, { ok, err.kind })
        assert.are.same({ kind }, told)
        assert.are.equal(how == "stop_and_join" and retries == 1 and 2 or 1, heard)
        assert.are.same({}, helper.children())
        assert.are.equal(5, pool:apply(same, { 5 }))
        pool:terminate()
      end)
    end

    it("tells the map that is under way: " .. how, function()
      local pool = workerpool.WorkerPool { n_jobs = 2 }
      pool:apply_async(same, { 1 }, { callback = function() pool[how](pool) end })
      local ok, err = pcall(pool.map, pool, function(x)
        core.sleep(0.01)
        return x
      end, workerpool.range(1000), { chunk_size = 1 })
      assert.is_false(ok)
      assert.are.equal("map: the pool was ended while the call was running", err.message)
      assert.are.same({}, helper.children())
      assert.are.same({ 5, n = 1 }, pool:map(same, { 5 }))
    end)
  end

  it("by an iterator behind which nothing can be sent", function()
    local pool = workerpool.WorkerPool { n_jobs = 2 }
    local n = 0
    local ok, err = pcall(pool.map, pool, same, function()
      n = n + 1
      if n == 1 then pool:terminate() end
      return io.stdout
    end, { on_error = "collect", chunk_size = 1 })
    assert.is_false(ok)
    assert.are.equal("cancelled", err.kind)
  end)

  it("has ended all its tasks before any of them is told", function()
    local pool = workerpool.WorkerPool { n_jobs = 1 }
    local results, kinds = {}, {}
    for i = 1, 3 do
      results[i] = pool:apply_async(core.sleep, { 60 }, { error_callback = function()
        for k = 1, 3 do kinds[#kinds + 1] = select(2, pcall(results[k].get, results[k])).kind end
      end })
    end
    pool:terminate()
    assert.are.equal(("cancelled "):rep(9), table.concat(kinds, " ") .. " ")
    assert.are.same({}, helper.children())
  end)

  it("takes nothing while it is terminated, and everything then", function()
    local pool = workerpool.WorkerPool { n_jobs = 1 }
    local refusals = {}
    for _ = 1, 2 do
      pool:apply_async(core.sleep, { 60 }, { error_callback = function()
        for _, method in ipairs { "apply_async", "apply", "map" } do
          local ok, err = pcall(pool[method], pool, same, { 1 })
          refusals[#refusals + 1] = not ok and err.message
        end
      end })
    end
    pool:terminate()
    assert.are.equal(6, #refusals)
    assert.are.equal("apply_async: the pool is being terminated", refusals[1])
    assert.are.equal("map: the pool is being terminated", refusals[6])
    assert.are.same({}, helper.children())
    assert.are.equal(5, pool:apply(same, { 5 }))
    pool:terminate()
  end)

  it("is at rest without workers, too, in the midst of stop_and_join", function()
    local pool = workerpool.WorkerPool { n_jobs = 0 }
    local ran = 0
    local results = {}
    for i = 1, 3 do
      results[i] = pool:apply_async(function() ran = ran + 1 end, {}, {
        callback = function() pool:terminate() end })
    end
    pool:stop_and_join()
    assert.are.equal(1, ran)
    assert.is_true(results[1]:successful())
    for i = 2, 3 do
      assert.are.equal("cancelled", select(2, pcall(results[i].get, results[i])).kind)
    end
  end)
end)
