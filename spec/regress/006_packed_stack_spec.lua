-- A table nested in one of many packed values was written, and read, past the
-- end of Lua's stack: after __workerpool_pack had pushed its values, nobody
-- looked whether there was room for the levels that followed.

local helper = require "spec.support.helper"

describe("a nested table among many packed values", function()
  it("stays within Lua's stack", function()
    -- The C library's allocator notices what is stored past the end of a block.
    local result = helper.run({ helper.lua, "-e", [[
      local core = require "workerpool.core"
      local codec = core.codec()
      local Many = {}
      function Many.__workerpool_pack(self)
        local values, nested = {}, 1
        for i = 1, self.n do values[i] = i end
        for _ = 1, 14 do nested = { nested } end
        values[self.n + 1] = nested
        return table.unpack(values)
      end
      function Many.__workerpool_unpack(...) return { n = select("#", ...) - 1 } end
      require("workerpool.names").register_class("spec.Many", Many)
      for n = 0, 300 do
        -- A coroutine's stack has just the size that was asked for.
        local there = coroutine.wrap(function() return codec:encode(setmetatable({ n = n }, Many)) end)()
        local back = coroutine.wrap(function() return codec:decode(there) end)()
        assert(back.n == n)
      end
      print "whole"
    ]] }, { env = { WORKERPOOL_HEAP = "stock" } })
    assert.are.equal("whole\n", result.stdout .. result.stderr)
    assert.are.equal(0, result.status)
  end)
end)
