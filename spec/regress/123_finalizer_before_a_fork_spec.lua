-- Before workers are forked rubbish is collected. A finalizer that changed a setting then,
-- and sent a task, had the call that started the workers raise "the pool was
-- terminated", which nobody had done. (A small heap is not collected each time, so
-- here that is done by hand.)

local core = require "workerpool.core"
local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local function last(...) return select(-1, ...) end

describe("A finalizer before a fork", function()
  helper.guard()

  local freeze = core.freeze
  before_each(function()
    core.freeze = function(...)
      collectgarbage()
      return freeze(...)
    end
  end)
  after_each(function() core.freeze = freeze end)

  local CALLS = {
    apply_async = function(pool) return pool:apply_async(last, { 5 }):get() end,
    map = function(pool) return pool:map(last, { 5 })[1] end,
    imap = function(pool) return select(2, pool:imap(last, { 5 })()) end,
  }
  for name, call in pairs(CALLS) do
    it("may want other workers than " .. name, function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      local result
      setmetatable({}, { __gc = function()
        pool:set_use_worker_state(true)
        result = pool:apply_async(last, { 7 })
      end })
      assert.are.equal(5, call(pool))
      assert.are.equal(7, result:get())
    end)
  end
end)
