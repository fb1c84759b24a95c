-- A C worker that replied once too often was killed as one that is out of its
-- mind, and its results, which were right, with it. It is told.

local helper = require "spec.support.helper"

describe("a reply to no task", function()
  helper.guard()

  local program
  setup(function() program = helper.compile("spec/support/fixtures/replies.c") end)

  local function output(mode)
    return helper.run({ program, mode }).stdout
  end

  it("is refused before the first parcel", function()
    assert.are.equal("0+1: invalid argument\nexit, signal 0\n", output("early"))
  end)

  for _, mode in ipairs { "behind", "finished", "large" } do
    it("is refused when all have theirs: " .. mode, function()
      assert.are.equal("0+2: donedone\n0+1: invalid argument\nexit, signal 0\n", output(mode))
    end)
  end
end)
