-- A finalizer, or __workerpool_unpack, that ended the pool while one of its results was
-- read gave back the memory that it was read from: the host died from SIGSEGV.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local function same(...) return ... end

local Act = { __name = "spec.065.Act" }
local act -- what one does when it arrives at the host
Act.__workerpool_pack = function(self) return self.text end
Act.__workerpool_unpack = function(text)
  if act then act() end
  return setmetatable({ text = text }, Act)
end
workerpool.register_class("spec.065.Act", Act)

local LONG = ("x"):rep(5000)
local function make() return setmetatable({ text = LONG }, Act), { LONG, LONG }, LONG end

describe("a pool that is ended while it reads", function()
  helper.guard()
  after_each(function() act = nil end)

  for _, how in ipairs { "terminate", "stop_and_join" } do
    for n_jobs = 0, 2 do
      it(("a result: %s, %d workers"):format(how, n_jobs), function()
        local pool = workerpool.WorkerPool { n_jobs = n_jobs }
        local calls = 0
        act = function()
          calls = calls + 1
          if calls == 1 then pcall(pool[how], pool) end
        end
        local result = pool:apply_async(make)
        local ok, err = pcall(result.get, result)
        assert.is_true(calls > 0)
        assert.is_true(ok or workerpool.is_error(err), tostring(err))
        pool:terminate()
        assert.are.same({}, helper.children())
        act = nil
        assert.are.equal(5, pool:apply(same, { 5 }))
        pool:terminate()
      end)
    end

    it("those of a map: " .. how, function()
      local pool = workerpool.WorkerPool { n_jobs = 2 }
      act = function() pool[how](pool) end
      local ok, err = pcall(pool.map, pool, make, workerpool.range(50))
      assert.are.same({ false, "cancelled" }, { ok, err.kind })
      act = nil
      assert.are.same({ 5, n = 1 }, pool:map(same, { 5 }))
      assert.are.same({}, helper.children())
    end)

    it("a message: " .. how, function()
      local pool = workerpool.WorkerPool { n_jobs = 2 }
      act = function() pool[how](pool) end
      local ok, err = pcall(pool.map, pool, function() workerpool.emit(make()) end,
        workerpool.range(50), { on_message = same })
      assert.are.same({ false, "cancelled" }, { ok, err.kind })
      assert.are.same({}, helper.children())
    end)
  end

  it("a result, is not waited for meanwhile", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local messages = {}
    act = function()
      messages[#messages + 1] = select(2, pcall(pool.apply, pool, same, { 1 }))
    end
    local value = pool:apply(make)
    assert.are.equal(LONG, value.text)
    assert.are.same({ "a finalizer or __workerpool_unpack cannot wait for the pool that "
      .. "reads a result just then" }, messages)
    act = nil
    assert.are.equal(5, pool:apply(same, { 5 }))
  end)
end)
