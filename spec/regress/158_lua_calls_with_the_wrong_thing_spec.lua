-- The calls of workerpool_lua.h that were given no pool, or no result, said
-- "attempt to call a nil value", and so did opening one before luaL_openlibs.

local helper = require "spec.support.helper"

describe("a host in C that has no pool where it takes one to be", function()
  helper.guard()

  it("reads what is missing", function()
    local done = helper.run({ helper.compile("spec/support/fixtures/wrong_lua.c") })
    local said = done.stdout:gsub("%(%d+ jobs?%)", "(N jobs)"):gsub("0x%x+", "0x"):gsub("builtin: ", "")
    assert.are.equal([[
open: 2, this Lua state has no 'require': luaL_openlibs comes first
poll: -1, poll: wanted an object with this method, got 12
close: 2, stop_and_join: wanted an object with this method, got 12
submit: 2, apply_async: wanted an object with this method, got 12
take: 2, ready: wanted an object with this method, got workerpool.WorkerPool (N jobs)
cancel: -1, cancel: wanted an object with this method, got function: 0x
fileno: -1, 3
]], said)
  end)
end)
