-- What docs/embedding.md says about linking; what programs do is in examples_spec.

local helper = require "spec.support.helper"

describe("a program that uses the engine alone", function()
  helper.guard()

  local function names_in(source, options)
    local program = helper.compile(source, options)
    return helper.run({ "nm", program }).stdout
  end

  it("has nothing of Lua in it", function()
    local names = names_in("spec/support/fixtures/slips.c")
    assert.matches(" wp_open\n", names, 1, true)
    assert.not_matches("[ _]luaL?_", names)
    assert.matches(" luaL_newstate", names_in("examples/embed.c",
      { cflags = "-I" .. helper.quote(helper.root .. "/src") }), 1, true)
  end)
end)
