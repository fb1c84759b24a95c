-- wait_any was given a result of another pool: where its own had nothing to do it
-- returned nil at once, though no time was up; else it slept until one of its own
-- workers had something to say.

local helper = require "spec.support.helper"
local refusals = require "spec.support.refusals"
local WorkerPool = require("workerpool").WorkerPool

describe("wait_any", function()
  helper.guard()

  local function same(...) return ... end

  it("refuses results of another pool, and names which", function()
    local one <close> = WorkerPool { n_jobs = 1 }
    local other <close> = WorkerPool { n_jobs = 1 }
    local mine, theirs = one:apply_async(same, { 1 }), other:apply_async(same, { 2 })
    for _, case in ipairs { { 1, { theirs } }, { 2, { mine, theirs } } } do
      assert.matches(("wait_any: element %d: a result of another pool"):format(case[1]),
        refusals.refusal(function() local _ = one:wait_any(case[2]) end))
    end
    assert.are.equal(mine, one:wait_any { mine })
    assert.are.equal(2, theirs:get())
  end)

  it("takes those that a pool has had before it ended", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local early = pool:apply_async(same, { 1 })
    pool:stop_and_join()
    local late = pool:apply_async(same, { 2 })
    assert.are.equal(early, pool:wait_any { early, late })
    assert.are.equal(2, late:get())
  end)
end)
