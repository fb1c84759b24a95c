-- Code of the caller's in the middle of a pool's work, at random, some of it; `make soak`
-- has more.
-- timeout: 240

local helper = require "spec.support.helper"

describe("whatever code of the caller's does with the pool that calls it,", function()
  helper.guard()

  it("each task ends once, each error comes out once, and nothing is left", function()
    local seed = os.getenv("WORKERPOOL_SEED") or os.time()
    local result = helper.run({ helper.lua, "spec/soak/callbacks.lua", seed, "25" }, { timeout = 200 })
    assert.are.equal(0, result.status, result.stdout .. result.stderr)
    assert.matches("clean\n$", result.stdout)
  end)
end)
