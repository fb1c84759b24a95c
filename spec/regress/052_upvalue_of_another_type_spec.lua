-- A function whose upvalue had changed from 1 to 1.0, or from 0.0 to -0.0, was
-- taken for unchanged, for these are equal: workers went on with the value before.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("An upvalue that becomes", function()
  helper.guard()

  local value
  local function picture() return ("%s %s"):format(math.type(value), value) end

  local CHANGES = {
    ["a float"] = { 1, 1.0, "float 1.0" },
    ["an integer"] = { 2.0, 2, "integer 2" },
    ["a negative zero"] = { 0.0, -0.0, "float -0.0" },
    ["no number"] = { 0.0, 0 / 0, "float " .. tostring(0 / 0) },
  }

  local CALLS = {
    apply = function(pool) return pool:apply(picture) end,
    map = function(pool) return pool:map(picture, { 0 })[1] end,
  }

  for what, change in pairs(CHANGES) do
    for name, call in pairs(CALLS) do
      it(("%s is that to %s, too"):format(what, name), function()
        local pool <close> = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
        value = change[1]
        call(pool)
        value = change[2]
        assert.are.equal(change[3], call(pool))
        assert.are.equal(change[3], call(pool))
      end)
    end
  end
end)
