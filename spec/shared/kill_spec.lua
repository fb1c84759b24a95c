-- timeout: 300
-- Workers that are killed at any moment leave shared objects whole. What is
-- checked stands in spec/soak/shared_kills.lua; here is its short run.

local helper = require "spec.support.helper"

local KILLS, MOST_MICROSECONDS = 2000 // helper.scale, 3000

describe("Shared objects", function()
  it("stay whole while workers are killed at random", function()
    local murder = helper.compile("spec/soak/murder.c")
    local stop = helper.tmpdir() .. "/stop"
    local host = helper.start({ helper.lua, "spec/soak/shared_kills.lua", stop, "1" },
      { timeout = 240 })
    assert.is_truthy(helper.eventually(function()
      return #helper.children(host.pid) > 0
    end))
    local killed = helper.run({ murder, tostring(host.pid), tostring(KILLS), "1",
      tostring(MOST_MICROSECONDS) }, { timeout = 200 })
    io.open(stop, "w"):close()
    local done = host:wait(100)
    assert.are.equal("", done.stderr)
    assert.matches("\nok\n$", done.stdout)
    assert.are.equal(KILLS, tonumber(killed.stdout))
  end)
end)
