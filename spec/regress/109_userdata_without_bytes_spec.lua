-- Objects of a message are known by their addresses. That of a userdata without bytes is
-- the end of its header, where another object may begin: the second of the two was taken
-- for the first.

local helper = require "spec.support.helper"
local core = require "workerpool.core"

describe("A userdata without bytes", function()
  helper.guard()

  local new_empty

  setup(function()
    local pattern = helper.shared_object(helper.write(helper.tmpdir() .. "/empty.c", [[
      #include <lauxlib.h>
      static int new(lua_State *L) {
        lua_newuserdatauv(L, 0, 0);
        luaL_setmetatable(L, "spec.Empty");
        return 1;
      }
      int luaopen_empty(lua_State *L) {
        luaL_newmetatable(L, "spec.Empty");
        lua_pushcfunction(L, new);
        return 1;
      }
    ]]))
    local path = assert(package.searchpath("empty", pattern))
    new_empty = assert(package.loadlib(path, "luaopen_empty"))()
    local class = debug.getregistry()["spec.Empty"]
    class.__workerpool_pack = function() return 1 end
    class.__workerpool_unpack = function() return "empty" end
  end)

  -- A function without upvalues has as many bytes as such a userdata, so that they lie
  -- side by side.
  it("is not taken for the function behind it", function()
    local codec, list = core.codec(), {}
    local make = load("return function() return 1 end")
    for i = 1, 2000, 2 do list[i], list[i + 1] = new_empty(), make() end
    local back = codec:decode(codec:encode(list))
    for i = 1, #list, 2 do
      assert.are.equal("empty", back[i])
      assert.are.equal("function", type(back[i + 1]))
    end
  end)

  it("comes once when it was sent twice", function()
    local codec, empty = core.codec(), new_empty()
    debug.getregistry()["spec.Empty"].__workerpool_unpack = function() return {} end
    local a, b, c = codec:decode(codec:encode(empty, { empty }, new_empty()))
    assert.are.equal(a, b[1])
    assert.are_not.equal(a, c)
  end)
end)
