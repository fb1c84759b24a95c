-- A report of insights for which the disk had no room was lost without a word.

local helper = require "spec.support.helper"
local WorkerPool = require("workerpool").WorkerPool

describe("print_insights on a full disk", function()
  helper.guard()

  it("raises", function()
    local pool <close> = WorkerPool { n_jobs = 1, enable_insights = true }
    pool:map(function(x) return x end, { 1 })
    assert.has_error(function() pool:print_insights("/dev/full") end,
      "print_insights: cannot write /dev/full: No space left on device")
  end)
end)
