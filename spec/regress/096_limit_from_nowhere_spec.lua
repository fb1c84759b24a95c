-- Where /proc could not be read, the limit on a worker's memory was set as if it
-- had none so far: one with a large heap could allocate nothing at all.

local helper = require "spec.support.helper"
local programs = require "spec.support.programs"

describe("a limit on more memory", function()
  helper.guard()

  it("is refused where nobody tells how much there is", function()
    local path = programs.make [[
      local files = {}
      for i = 1, 16 do files[i] = io.open("/dev/null") end
      local ok, message = core.limit_memory(1 << 30)
      print(ok, message)]]
    local done = helper.run { "prlimit", "--nofile=16:16", helper.lua, path }
    assert.are.equal("nil\tFunction not implemented\n", done.stdout, done.stderr)
  end)
end)
