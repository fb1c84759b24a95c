-- A table whose field n was just below 2^31 was taken for an argument list of so many:
-- asking Lua for the stack overflowed an int, so that the answer was yes, and the host
-- died from writing past it.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("An argument list that says it has very many items", function()
  helper.guard()

  for _, n in ipairs { 2 ^ 31 - 21, 2 ^ 31 - 20, 2 ^ 31 - 8, 2 ^ 31 - 1, 2 ^ 31, 2 ^ 53 } do
    it(("is refused: %d"):format(n), function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
      local count = math.tointeger(n)
      local ok, err = pcall(pool.map, pool, function() end, { { n = count } })
      assert.is_false(ok)
      assert.matches(("%d arguments are too many"):format(count), tostring(err), 1, true)
      assert.are.same({ 1, 2, n = 2 }, pool:map(function(i) return i end, { 1, 2 }))
    end)
  end
end)
