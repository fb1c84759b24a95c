-- A worker that wrote into the pool's slots, lines or header could make the
-- host read, write or free what the worker had said, or look for ever for
-- records of a worker that did not exist. What the host has said it knows by
-- itself, and where it looks is bounded by what it has started.

local helper = require "spec.support.helper"

describe("a worker that writes into the pool's own memory", function()
  helper.guard()

  local program
  setup(function() program = helper.compile("spec/support/fixtures/wild.c") end)

  local GOOD = "result 1 of 5\nabandoned 0\nleft 2 of 5\nparcel twelve bytes\n"
    .. "again 2, taken back 1\nabandoned 0\nthen 0\npending 0\n"

  for _, damage in ipairs { "nothing", "length", "offset", "count", "tag", "nobody", "absent" } do
    it("leaves the host all it knows: " .. damage, function()
      local done = helper.run({ program, damage })
      assert.are.equal("", done.stderr)
      assert.are.equal(GOOD, done.stdout)
      assert.are.equal(0, done.status)
    end)
  end

  it("loses no parcel by giving it to a worker whom there is not", function()
    local done = helper.run({ program, "owner" })
    assert.are.equal("abandoned 0\nleft 3 of 5\nparcel twelve bytes\nagain 3, taken back 1\n"
      .. "abandoned 0\nthen 0\npending 0\n", done.stdout)
    assert.are.equal(0, done.status)
  end)
end)
