-- wp_next with a limit of more than half a second never said that it had passed:
-- it said every half second that a signal had come, and who asked again with
-- the same limit, as one does, waited for ever. examples/embed.c took the same for a
-- failure, with workers that were slow to leave.

local helper = require "spec.support.helper"

describe("wp_next with nothing to come", function()
  helper.guard()

  it("waits as long as it was told; without a limit it looks up now and then", function()
    local program = helper.compile("spec/support/fixtures/door.c")
    local done = helper.run({ program, "wait" })
    assert.are.equal("0, in time\nEINTR\n", (done.stdout:gsub("Interrupted[^\n]*", "EINTR")))
  end)
end)
