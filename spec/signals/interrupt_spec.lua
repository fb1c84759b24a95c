-- A signal at every moment: the program ends, says no more than it should, has
-- the right exit status, and leaves no process behind.
-- timeout: 600

local helper = require "spec.support.helper"
local moments = require "spec.signals.moments"

local PROGRAM = { helper.host, "run" }

-- Lua's own interpreter makes an error of Ctrl-C; the one of the builds with a
-- sanitizer dies from it.
local lua_handles = not helper.sanitized

local function names()
  local list = {}
  for name in pairs(moments.all) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- Runs `signal(host)` when the program has got there; how it ended.
local function ended(moment, interpreter, signal)
  local host = moments.start(moment[2], interpreter)
  host:reach(moment[1])
  signal(host)
  local result = host:wait()
  assert.is_true(host:all_gone())
  return result
end

local function to_group(host) host:signal_group("INT") end

for _, name in ipairs(names()) do
  local moment = moments.all[name]
  describe(name, function()
    helper.guard()

    it("Ctrl-C, to the whole group: 130, and no word", function()
      local result = ended(moment, PROGRAM, to_group)
      assert.are.same({ 130, "", "" }, { result.status, result.stdout, result.stderr })
    end)

    it("SIGTERM, to the host alone: 143, and no word", function()
      local result = ended(moment, PROGRAM, function(host) host:signal("TERM") end)
      assert.are.same({ 143, "", "" }, { result.status, result.stdout, result.stderr })
    end)

    it("Ctrl-C twice", function()
      local result = ended(moment, PROGRAM, function(host)
        to_group(host)
        to_group(host)
      end)
      assert.are.same({ 130, "", "" }, { result.status, result.stdout, result.stderr })
    end)

    it("Ctrl-C under plain lua: one message", function()
      local result = ended(moment, helper.lua, to_group)
      assert.are_not.equal(0, result.status)
      local _, n = result.stderr:gsub("interrupted!", "")
      assert.are.equal(lua_handles and 1 or 0, n, result.stderr)
    end)

    it("SIGINT under plain lua, to the host alone", function()
      local result = ended(moment, helper.lua, function(host) host:signal("INT") end)
      assert.are_not.equal(0, result.status)
    end)

    it("SIGKILL", function()
      ended(moment, helper.lua, function(host) host:signal("KILL") end)
    end)
  end)
end
