-- After a deep value of one kind another as deep was written, and read, past the
-- end of Lua's stack: the levels of a map take more of it than those of a list,
-- and room for them was taken as looked for. Found by the fuzzer of values.

local helper = require "spec.support.helper"
local core = require "workerpool.core"

local function lists(depth)
  local value = {}
  for _ = 2, depth do value = { value } end
  return value
end

local function maps(depth)
  local value = {}
  for i = 2, depth do value = { ["key " .. i % 3] = value } end
  return value
end

describe("A deep value behind another that was deep", function()
  helper.guard()

  it("finds room on the stack", function()
    for depth = 100, 3900, 200 do
      -- In a coroutine the stack is as small as it can be.
      local there = coroutine.wrap(function()
        local codec = core.codec()
        local bytes = codec:encode(lists(depth), maps(depth), lists(depth), maps(depth))
        return coroutine.wrap(function() return { codec:decode(bytes) } end)()
      end)()
      for i, value in ipairs(there) do
        local levels = 0
        while value do
          local key, inner = next(value)
          assert(key == nil or (type(key) == "number") == (i % 2 == 1))
          value, levels = inner, levels + 1
        end
        assert.are.equal(depth, levels)
      end
      assert.are.equal(4, #there)
    end
  end)
end)
