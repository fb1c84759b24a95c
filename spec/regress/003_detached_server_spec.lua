-- wp_detach of a forkserver that had served looked at the line of a worker,
-- which it has not, and would have closed descriptor 0 as its bell.

local helper = require "spec.support.helper"

describe("a forkserver written in C", function()
  helper.guard()

  it("lets go of its pool when it has served", function()
    local program = helper.compile("spec/support/fixtures/server.c")
    local path = helper.tmpdir() .. "/said"
    local done = helper.run({ program, path })
    assert.are.equal("done\n", done.stdout)
    assert.are.equal(0, done.status)
    assert.are.equal("detached, input 1 1\n",
      helper.eventually(function() return helper.read(path) end))
  end)
end)
