-- Calls at random, some of them; `make soak` makes more.
-- timeout: 240

local helper = require "spec.support.helper"

describe("whatever the options and the tasks,", function()
  helper.guard()

  it("every result is there, right and once, and every error in its place", function()
    local seed = os.getenv("WORKERPOOL_SEED") or os.time()
    local result = helper.run({ helper.lua, "spec/soak/calls.lua", seed, "60" }, { timeout = 100 })
    assert.are.equal(0, result.status, result.stdout .. result.stderr)
    assert.matches("clean\n$", result.stdout)
  end)
end)
