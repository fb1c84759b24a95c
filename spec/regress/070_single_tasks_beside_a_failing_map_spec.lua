-- A map that failed killed the workers that had its tasks. One that was done with its
-- task, of which the host had not read yet, was at another one by then, which was said
-- to have died from SIGKILL. The same where a single task was cancelled.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local workerpool = require "workerpool"

describe("a map that fails", function()
  helper.guard()

  local function slowly(x)
    core.sleep(0.001)
    return x
  end

  local function fail_at_five(x)
    if x == 5 then error("bad", 0) end
    return x
  end

  for _, method in ipairs { "fork", "threading" } do
    it("leaves single tasks of the pool alone: " .. method, function()
      for _ = 1, method == "fork" and 40 or 10 do
        local pool <close> = workerpool.WorkerPool { n_jobs = 2, start_method = method }
        local results, i = {}, 0
        -- Single tasks and those of the map by turns.
        local function tasks()
          i = i + 1
          results[i] = pool:apply_async(slowly, { i })
          return i < 60 and i or nil
        end
        local ok, err = pcall(pool.map, pool, fail_at_five, tasks, { chunk_size = 1 })
        assert.is_false(ok)
        assert.are.equal(5, err.task_index)
        for k, result in ipairs(results) do assert.are.equal(k, result:get()) end
      end
    end)
  end

  it("has none of them run twice that others have time for", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
    pool:apply(slowly, { 1 })
    local counts, results = workerpool.Array("i", 30), {}
    local function count(list, k)
      list:add(k, 1)
      core.sleep(0.01)
      return k
    end
    pcall(pool.map, pool, fail_at_five, { 5, 1, 1, 1, 1 }, {
      chunk_size = 1, on_error = function()
        -- What the map has sent is done by then, and the worker is at these.
        for k = 1, 30 do results[k] = pool:apply_async(count, { counts, k }) end
        helper.sleep(0.05)
        return "raise"
      end })
    for k = 1, 30 do assert.are.equal(k, results[k]:get()) end
    for k = 1, 30 do assert.are.equal(1, counts[k]) end
  end)
end)

describe("a task that is over before the host knows", function()
  helper.guard()

  local function same(x) return x end

  it("is not cancelled, and the next one is let run", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    for _ = 1, 300 do
      local first = pool:apply_async(same, { 1 })
      local second = pool:apply_async(same, { 2 })
      local cancelled = first:cancel()
      local ok, value = pcall(first.get, first)
      assert.are.equal(cancelled, not ok)
      assert.are.equal(ok and 1 or "cancelled", ok and value or value.kind)
      assert.are.equal(2, second:get())
    end
  end)
end)
