-- A coroutine that was in the midst of map, in whose iterator it had yielded, and was
-- then dropped, left its pool "running map" for ever: every other call was refused.

local helper = require "spec.support.helper"
local WorkerPool = require("workerpool").WorkerPool

describe("map in a coroutine that nobody resumes", function()
  helper.guard()

  local function id(x) return x end

  -- Yields when a task has been handed out, and is gone.
  local function drop(pool, method, told)
    local co = coroutine.create(function()
      pool[method](pool, id, function()
        coroutine.yield("in the iterator")
        return 1
      end, { progress_bar = told })
    end)
    coroutine.resume(co)
    return select(2, coroutine.resume(co))
  end

  for _, method in ipairs { "map", "map_unordered" } do
    for _, n_jobs in ipairs { 2, 0 } do
      it("ends with it: " .. method .. ", n_jobs = " .. n_jobs, function()
        local pool <close> = WorkerPool { n_jobs = n_jobs, keep_alive = true }
        local last
        assert.are.equal("in the iterator", drop(pool, method, function(p) last = p end))
        assert.are.same({ 2, 3, n = 2 }, pool:map(id, { 2, 3 }))
        assert.are.equal("left early", last.stopped)
        assert.are.equal(4, pool:apply(id, { 4 }))
      end)
    end
  end

  it("takes its workers with it", function()
    local pool = WorkerPool { n_jobs = 2 }
    drop(pool, "map")
    assert.is_true(helper.eventually(function()
      collectgarbage()
      return pool.crew == nil and pool.run == nil
    end))
  end)

  it("keeps no results for a finalizer", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    pool:map(id, { 1 })
    collectgarbage()
    local before = collectgarbage("count")
    pool:map(string.rep, { { "x", 1 << 22 } })
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 1024)
  end)
end)
