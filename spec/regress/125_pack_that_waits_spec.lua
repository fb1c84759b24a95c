-- What packs an object, or a finalizer meanwhile, waited for ever when it joined the pool
-- that was sending it: for the very task that was not sent yet. With poll it had other
-- tasks refused, which were to be tried again just then.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local WRITING = "a finalizer or __workerpool_pack cannot wait for the pool that sends a task just then"

describe("__workerpool_pack", function()
  helper.guard()

  local WAITS = {
    get = function(_, other) return other:get() end,
    wait = function(_, other) return other:wait(1) end,
    ready = function(_, other) return other:ready() end,
    poll = function(pool) return pool:poll() end,
    wait_any = function(pool, other) return pool:wait_any { other } end,
    stop_and_join = function(pool) return pool:stop_and_join() end,
  }
  for name, wait in pairs(WAITS) do
    it("cannot wait for its pool: " .. name, function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
      local other, ok, message
      local class = { __workerpool_unpack = function() return 5 end }
      function class.__workerpool_pack()
        ok, message = pcall(wait, pool, other)
        return true
      end
      workerpool.register_class("regress.125." .. name, class)
      local function value(x) return x end
      other = pool:apply_async(function() error("once", 0) end, {}, { retries = 1 })
      local result = pool:apply_async(value, { setmetatable({}, class) })
      assert.are.same({ false, WRITING }, { ok, message })
      assert.are.equal(5, result:get())
      assert.are.equal("error", select(2, pcall(other.get, other)).kind)
    end)
  end

  it("may end its pool", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local class = { __workerpool_unpack = function() return 5 end }
    function class.__workerpool_pack()
      pool:terminate()
      return true
    end
    workerpool.register_class("regress.125.terminate", class)
    local result = pool:apply_async(math.abs, { setmetatable({}, class) })
    assert.are.equal("cancelled", select(2, pcall(result.get, result)).kind)
    assert.are.equal(3, pool:apply(math.abs, { -3 }))
  end)
end)
