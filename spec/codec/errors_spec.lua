-- What cannot travel is refused on the sending side, and the message names the
-- way to it.

local core = require "workerpool.core"

local codec = core.codec()
local thread = coroutine.create(print)
local light = debug.upvalueid(function() return thread end, 1) -- light userdata

local function refused(message, ...)
  local args = table.pack(...)
  assert.has_error(function() codec:encode(table.unpack(args, 1, args.n)) end, message)
end

describe("the error for what cannot travel", function()
  it("names the argument", function()
    refused("cannot send args[1]: thread", thread)
    refused("cannot send args[3]: thread", 1, nil, thread)
    refused("cannot send args[1]: light userdata", light)
  end)

  it("names fields and items", function()
    refused("cannot send args[1].frames[3].tex: userdata (FILE*)",
      { frames = { 1, 2, { tex = io.stdout } } })
    refused("cannot send args[1][1][2]: thread", { { 1, thread } })
  end)

  it("names items that are out of order", function()
    local t = {}
    for i = 20, 1, -1 do t[i] = i end
    t[13] = thread
    refused("cannot send args[1][13]: thread", t)
  end)

  it("shows other keys so that they can be found", function()
    refused('cannot send args[1]["odd key"]: thread', { ["odd key"] = thread })
    refused('cannot send args[1]["quote\\"\\010"]: thread', { ['quote"\n'] = thread })
    refused('cannot send args[1]["3x"]: thread', { ["3x"] = thread })
    refused('cannot send args[1][""]: thread', { [""] = thread })
    refused("cannot send args[1][true]: thread", { [true] = thread })
    refused("cannot send args[1][-7]: thread", { [-7] = thread })
    refused("cannot send args[1][1.5]: thread", { [1.5] = thread })
    refused("cannot send args[1][table key]: thread", { [{}] = thread })
  end)

  it("cuts long keys", function()
    refused('cannot send args[1]["' .. ("k"):rep(40) .. '..."]: thread',
      { [("k"):rep(100)] = thread })
  end)

  it("tells a bad key from a bad value", function()
    refused("cannot send args[1] key: thread", { [thread] = 1 })
    refused("cannot send args[1].a key.b: thread", { a = { [{ b = thread }] = 1 } })
  end)

  it("names upvalues", function()
    local fh, t = io.stdout, { deep = thread }
    refused("cannot send args[1].callback upvalue 'fh': userdata (FILE*)",
      { callback = function() return fh end })
    refused("cannot send args[1] upvalue 't'.deep: thread", function() return t end)
  end)

  it("names functions that have no name elsewhere", function()
    refused("cannot send args[1].f: C function that no loaded module has",
      { f = coroutine.wrap(print) })
  end)

  it("keeps a long way short", function()
    local t = thread
    for _ = 1, 100 do t = { t } end
    refused("cannot send args[1]" .. ("[1]"):rep(11) .. " ... " .. ("[1]"):rep(4) .. ": thread", t)
  end)

  it("begins with the label of the message", function()
    assert.has_error(function() codec:encode_as("result", 1, thread) end,
      "cannot send result[2]: thread")
  end)

  it("leaves the codec as it was", function()
    refused("cannot send args[1][3]: thread", { { 1 }, "x", thread })
    local t = { 1, { 2 } }
    t.t = t
    local got = codec:decode(codec:encode(t))
    assert.equal(got, got.t)
    assert.equal(2, got[2][1])
  end)
end)

describe("a wrong argument", function()
  it("is refused at once", function()
    assert.has_error(function() core.codec(3) end)
    assert.has_error(function() codec:decode() end)
    assert.has_error(function() codec:decode("x", 0) end)
    assert.has_error(function() codec:decode("x", 3) end)
    assert.has_error(function() codec:encode_as({}) end)
    assert.has_error(function() codec.encode(io.stdout, 1) end)
  end)
end)
