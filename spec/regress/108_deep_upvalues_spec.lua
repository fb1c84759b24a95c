-- A function goes to workers as a reference as long as what it closes over is what it was
-- when they were forked. Only four levels of functions in upvalues were looked at: what
-- changed below was not seen, and tasks ran with what had been there before.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("A function whose functions call functions", function()
  helper.guard()

  for _, depth in ipairs { 0, 3, 4, 5, 30 } do
    it(("is run as it is now, %d levels deep"):format(depth), function()
      local state = "before"
      local f = function() return state end
      for _ = 1, depth do
        local g = f
        f = function() return (g()) end
      end
      local pool <close> = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
      assert.are.equal("before", pool:map(f, { 1 })[1])
      state = "now"
      assert.are.equal("now", pool:map(f, { 1 })[1])
      assert.are.equal("now", pool:apply(f))
      state = "later"
      assert.are.equal("later", pool:apply(f))
    end)
  end
end)
