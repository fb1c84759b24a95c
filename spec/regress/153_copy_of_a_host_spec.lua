-- A process that a C host had forked could submit into its parent's memory, and
-- stop and kill its parent's workers.

local helper = require "spec.support.helper"

describe("a pool in a process that its host has forked", function()
  helper.guard()

  it("refuses everything, and the host does not notice", function()
    local program = helper.compile("spec/support/fixtures/door.c")
    local done = helper.run({ program, "copy" })
    local refused = {}
    for what in ("next next more start stop kill set_up announce submit again alarm"):gmatch("%S+") do
      refused[#refused + 1] = what:gsub("_", " ") .. ": the pool is closed\n"
    end
    assert.are.equal(table.concat(refused)
      .. "cancels 0, abandons 0, owns 0, descriptor -1\n"
      .. "the host: start: success\nthe host: 1, done, pending 1\n", done.stdout)
  end)
end)
