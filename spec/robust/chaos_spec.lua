-- The soak, for seconds: `make soak` runs it for minutes.
-- timeout: 240

local helper = require "spec.support.helper"

describe("under kills, exits, errors and endless loops at random", function()
  helper.guard()

  for _, method in ipairs { "fork", "forkserver", "spawn" } do
    it("every result is there, right and once: " .. method, function()
      local seed = os.getenv("WORKERPOOL_SEED") or os.time()
      local result = helper.run(
        { helper.lua, "spec/soak/chaos.lua", seed, "3000", method }, { timeout = 100 })
      assert.are.equal(0, result.status, result.stdout .. result.stderr)
      assert.matches("clean\n$", result.stdout)
    end)
  end
end)
