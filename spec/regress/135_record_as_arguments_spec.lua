-- apply took a record in place of the list of arguments for an empty list: the function
-- was called without arguments, and what was in the record was dropped in silence.

local helper = require "spec.support.helper"
local WorkerPool = require("workerpool").WorkerPool

describe("What is given to apply in place of a list of arguments", function()
  helper.guard()

  local function count(...) return select("#", ...), ... end

  local CASES = {
    { { x = 1 }, { 1, { x = 1 } } },
    { { n = "Anna" }, { 1, { n = "Anna" } } },
    { { [5] = 1 }, { 1, { [5] = 1 } } },
    { {}, { 0 } },
    { { n = 0, x = 1 }, { 0 } },
    { { n = 1, x = 1 }, { 1 } },
    { { 7, x = 1 }, { 1, 7 } },
    { { { x = 1 } }, { 1, { x = 1 } } },
  }

  for n_jobs = 0, 1 do
    it(("is one argument where it is a record, with n_jobs = %d"):format(n_jobs), function()
      local pool <close> = WorkerPool { n_jobs = n_jobs, keep_alive = true }
      for _, case in ipairs(CASES) do
        assert.are.same(case[2], { pool:apply(count, case[1]) })
        assert.are.same(case[2], { pool:apply_async(count, case[1]):get() })
      end
    end)
  end
end)
