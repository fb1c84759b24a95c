-- A call made from deep in a recursion looked at every level of the stack, each at the
-- cost of all above it: 3 s where it was 40,000 deep, minutes where it was 160,000.

local helper = require "spec.support.helper"
local WorkerPool = require("workerpool").WorkerPool

describe("A map from deep in a recursion", function()
  helper.guard()

  local function at_depth(n, f)
    if n == 0 then return f() end
    local result = at_depth(n - 1, f)
    return result
  end

  local function seconds(depth)
    local pool <close> = WorkerPool { n_jobs = 1 }
    return at_depth(depth, function()
      local began = os.clock()
      assert.are.equal(7, pool:map(function(x) return x end, { 7 })[1])
      return os.clock() - began
    end)
  end

  it("takes no time by the square of its depth", function()
    seconds(100)
    local few, many = math.huge, math.huge
    for _ = 1, 3 do few, many = math.min(few, seconds(5000)), math.min(many, seconds(80000)) end
    assert.is_true(many < 64 * few, ("%g s at 5000, %g s at 80000"):format(few, many))
  end)

  -- Its globals cannot be sent, so they must have been found on the stack.
  for _, depth in ipairs { 0, 100, 1000 } do
    it("finds the globals of a sandbox, at depth " .. depth, function()
      local sandbox = setmetatable({ unsendable = coroutine.create(print) }, { __index = _G })
      local script = load([[
        local pool, at_depth, depth = ...
        local function call()
          return pool:map(function(x) return x + (unsendable and 1 or 0) end, { 1 })[1]
        end
        local result = at_depth(depth, call)
        return result
      ]], "=script", "t", sandbox)
      local pool <close> = WorkerPool { n_jobs = 1 }
      assert.are.equal(2, script(pool, at_depth, depth))
    end)
  end
end)
