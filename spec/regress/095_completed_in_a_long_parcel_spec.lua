-- What a worker had completed went for nothing as soon as its results did not
-- fit one record, until the end of its parcel: a progress bar went back.

local helper = require "spec.support.helper"

describe("what workers have completed", function()
  helper.guard()

  it("counts in the midst of a parcel, whatever the size of its results", function()
    local done = helper.run { helper.compile("spec/support/fixtures/counts.c") }
    assert.are.equal("4 of all, 4 of the worker's\n5 of all, 0 of the worker's\n", done.stdout)
    assert.are.equal(0, done.status)
  end)
end)
