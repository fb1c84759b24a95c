-- Ctrl-C between the arrival of a result and its being noted, caught by a program
-- that went on: the result was gone, and get waited for ever.

local helper = require "spec.support.helper"
local async = require "workerpool.async"
local WorkerPool = require("workerpool").WorkerPool

describe("a result whose handling was interrupted", function()
  helper.guard()

  for _, n_jobs in ipairs { 1, 0 } do
    it("comes again, with n_jobs = " .. n_jobs, function()
      local pool <close> = WorkerPool { n_jobs = n_jobs }
      local result = pool:apply_async(function(x) return x end, { 7 })
      local handle = async.Queue.result
      async.Queue.result = function() error("interrupted!", 0) end
      local ok, message = pcall(result.get, result, 10)
      async.Queue.result = handle
      assert.are.same({ false, "interrupted!" }, { ok, message })
      assert.are.equal(7, result:get(10))
    end)
  end
end)
