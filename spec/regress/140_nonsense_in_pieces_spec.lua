-- When what a worker had sent in pieces came to nothing that it could say, the
-- next call threw away the pieces of the worker whose event had been the last:
-- of its message only the rest arrived.

local helper = require "spec.support.helper"

describe("a worker that sends nonsense in pieces", function()
  helper.guard()

  it("takes nothing from what another one is sending", function()
    local done = helper.run { helper.compile("spec/support/fixtures/wild_pieces.c") }
    assert.are.equal("", done.stderr)
    assert.are.equal("1: whole\n0 ended by signal 9\n1: one half and the other\n", done.stdout)
    assert.are.equal(0, done.status)
  end)
end)
