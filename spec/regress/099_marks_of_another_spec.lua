-- A worker asked only when it had started whether it was to mark what it prints:
-- if that had been changed for later ones meanwhile, its host took marks for
-- text, or looked for some in vain.

local helper = require "spec.support.helper"

describe("output that is to be marked from now on", function()
  helper.guard()

  it("is not that of a worker which is about to start", function()
    local program = helper.compile("spec/support/fixtures/marked.c")
    for _ = 1, 20 do assert.are.equal("printed\n", helper.run({ program }).stdout) end
  end)
end)
