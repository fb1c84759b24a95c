-- A record that nobody would write, the last that its worker wrote, was taken
-- out of the ring only after the event of the worker's end: by then out of the
-- ring of its successor, which was killed for what it said then.

local helper = require "spec.support.helper"

describe("a worker whose last record makes no sense", function()
  helper.guard()

  it("leaves its successor a ring that is in order", function()
    local done = helper.run { helper.compile("spec/support/fixtures/wild_end.c") }
    assert.are.equal("", done.stderr)
    assert.are.equal("exit, signal 9\nresult done\nresult done\nresult done\n", done.stdout)
    assert.are.equal(0, done.status)
  end)
end)
