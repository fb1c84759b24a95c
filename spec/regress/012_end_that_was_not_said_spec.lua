-- A worker that was killed between its last reply and the end of its parcel left
-- a parcel of no tasks, which nobody took for ended: a map with task_timeout
-- whose task ended just when its time was up hung for ever.

local helper = require "spec.support.helper"

describe("a worker that is killed with all its results replied", function()
  helper.guard()

  local program
  setup(function() program = helper.compile("spec/support/fixtures/unsaid.c") end)

  for _, how in ipairs { "open", "flushed" } do
    it("has ended its parcel: " .. how, function()
      local done = helper.run({ program, how })
      assert.are.equal("", done.stderr)
      assert.are.equal("result 0+3\nresult 3+0 last\nexit, holds 0\npending 0\n", done.stdout)
    end)
  end
end)
