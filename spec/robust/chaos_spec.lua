-- The soak, for seconds: `make soak` runs it for minutes.
-- timeout: 240

local helper = require "spec.support.helper"

describe("under kills, stops, exits, errors, limits and endless loops at random", function()
  helper.guard()

  local murder = helper.compile("spec/soak/murder.c")

  for _, method in ipairs { "fork", "forkserver", "spawn", "threading" } do
    it("every result is there, right and once: " .. method, function()
      local seed = os.getenv("WORKERPOOL_SEED") or os.time()
      local result = helper.run(
        { helper.lua, "spec/soak/chaos.lua", seed, "1000", method, murder }, { timeout = 100 })
      assert.are.equal(0, result.status, result.stdout .. result.stderr)
      assert.matches("clean\n$", result.stdout)
    end)
  end
end)
