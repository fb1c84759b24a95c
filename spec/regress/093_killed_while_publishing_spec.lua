-- A worker that was killed between the head of its record being completed and
-- the ring's head being moved, some instructions, lost all the results in it:
-- the first of their tasks was blamed, and the others were done again.

local helper = require "spec.support.helper"

describe("a worker that is killed at any instruction of giving results", function()
  helper.guard()

  it("has given those of all tasks that it had replied to", function()
    local done = helper.run { helper.compile("spec/support/fixtures/steps.c") }
    assert.are.equal("stepped, 0 lost\n", done.stdout)
    assert.are.equal(0, done.status)
  end)
end)
