-- Calls at random, some of them; `make soak` makes more.
-- timeout: 240

local helper = require "spec.support.helper"

describe("whatever the options and the tasks,", function()
  helper.guard()

  local ROUNDS = { calls = "60", sessions = "8", nests = "8", callbacks = "8" }

  for name, rounds in pairs(ROUNDS) do
    it("every result is there, right and once, and every error in its place: " .. name, function()
      local seed = os.getenv("WORKERPOOL_SEED") or os.time()
      local program = ("spec/soak/%s.lua"):format(name)
      local result = helper.run({ helper.lua, program, seed, rounds }, { timeout = 100 })
      assert.are.equal(0, result.status, result.stdout .. result.stderr)
      assert.matches("clean\n$", result.stdout)
    end)
  end
end)
