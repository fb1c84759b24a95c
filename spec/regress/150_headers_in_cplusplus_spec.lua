-- base.h was included outside of extern "C": a host in C++ compiled, and could
-- not be linked when it asked for the text of a status. The same with Lua's
-- functions, where workerpool_lua.h came before lua.hpp.

local helper = require "spec.support.helper"

describe("the headers in C++", function()
  helper.guard()

  it("declare functions that are found", function()
    local program = helper.compile("spec/support/fixtures/cplusplus.cpp", { cc = "g++" })
    local done = helper.run({ program })
    assert.are.same({ 0, "1\ninvalid argument\na version\n" }, { done.status, done.stdout })
  end)
end)
