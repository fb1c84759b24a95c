-- make install failed where DESTDIR or PREFIX has a space, and make uninstall
-- removed what is called like the first half.

local helper = require "spec.support.helper"

local NAMES = { "CC", "ALL_CFLAGS", "ALL_LDFLAGS", "LUA_LIBS" }

describe("make install, into a folder with a space in its name", function()
  helper.guard()

  -- With the flags that the build under test was made with, or all of it would be
  -- made anew.
  local function make(goal, settings)
    local words, n = { "make", "--no-print-directory", "-s", goal, "BUILD=" .. helper.build }, 0
    for line in io.lines(helper.build .. "/flags") do
      n = n + 1
      words[#words + 1] = NAMES[n] .. "=" .. line
    end
    for _, word in ipairs(settings) do words[#words + 1] = word end
    local done = helper.run(words, { timeout = 60, cwd = helper.root,
      env = { MAKEFLAGS = "", MAKELEVEL = "" } })
    assert.are.same({ 0, "", "" }, { done.status, done.stdout, done.stderr })
  end

  local function files(dir)
    local found = helper.run { "find", dir, "!", "-type", "d" }.stdout
    local _, n = found:gsub("\n", "")
    return n, found
  end

  it("installs what works there, and make uninstall takes that away, and no more", function()
    local top = helper.tmpdir()
    local settings = { "DESTDIR=" .. top .. "/a b", "PREFIX=/opt/my own" }
    local prefix = top .. "/a b/opt/my own"
    os.execute("mkdir " .. top .. "/a")
    helper.write(top .. "/a/kept", "")
    make("install", settings)
    assert.is_true(files(top .. "/a b") > 60)

    local ran = helper.run({ prefix .. "/bin/workerpool", "run", "-" },
      { stdin = "print(require('workerpool')._VERSION)", cwd = "/",
        env = { LUA_PATH = "", LUA_CPATH = "" } })
    assert.matches("^workerpool %d", ran.stdout)
    ran = helper.run({ helper.lua, "-e", "print(require('workerpool')._VERSION)" }, { cwd = "/", env = {
      LUA_PATH = prefix .. "/share/lua/5.4/?.lua;" .. prefix .. "/share/lua/5.4/?/init.lua",
      LUA_CPATH = prefix .. "/lib/lua/5.4/?.so" } })
    assert.matches("^workerpool %d", ran.stdout)
    assert.matches("^prefix=/opt/my own\n", helper.read(prefix .. "/lib/pkgconfig/workerpool.pc"))

    make("uninstall", settings)
    assert.are.same({ 1, top .. "/a/kept\n" }, { files(top) })
  end)
end)
