-- Lua does not check its bytecode: code that somebody has crafted can do
-- anything to the process that loads it. So code comes from processes of our
-- own alone, by memory that nobody else has.

local core = require "workerpool.core"
local helper = require "spec.support.helper"
local names = require "workerpool.names"

local function upvalued()
  local t = {}
  return function() return t end
end

local Class, Packed = {}, {
  __workerpool_pack = function(self) return self[1] end,
  __workerpool_unpack = function(x) return { x } end,
}
names.register_class("spec.bytecode.Class", Class)
names.register_class("spec.bytecode.Packed", Packed)

describe("a codec without trust", function()
  helper.guard()

  local codec = core.codec()

  local function refuses(...)
    local wary = core.codec()
    wary:trust(false)
    local bytes = codec:encode(...)
    assert.has_error(function() wary:decode(bytes) end,
      "functions are not accepted from this peer")
    -- It is no worse for it.
    assert.are.same({ 1 }, wary:decode(codec:encode { 1 }))
  end

  it("loads no code, wherever a message has it", function()
    local f = upvalued()
    refuses(f)
    refuses(1, { { f } })
    refuses({ [f] = 1 })
    refuses({ x = f, y = f })
    refuses(setmetatable({ f }, Class))
    refuses(setmetatable({ f }, Packed))
    refuses(function() return f end)
  end)

  it("does not even look at the code", function()
    local wary = core.codec()
    wary:trust(false)
    for _, code in ipairs { "", "\27Lua", "return 1", string.dump(upvalued):sub(1, 40) } do
      -- A function: the tag, the code as a string, its upvalues.
      local good = codec:encode(function() end)
      local at = assert(good:find("\27Lua", 1, true))
      local tag = good:sub(1, 2)
      assert.is_true(at > 3)
      assert.has_error(function() wary:decode(tag .. string.char(0x60 + #code) .. code) end,
        "functions are not accepted from this peer")
    end
  end)

  it("loads no module to find what a name means", function()
    local wary = core.codec()
    wary:trust(false)
    local dir = helper.tmpdir()
    helper.write(dir .. "/trap.lua", "TRAPPED = true return { f = function() end }")
    local before = package.path
    package.path = dir .. "/?.lua;" .. package.path
    local bytes = codec:encode(print):gsub("%c?f_G%zprint", function()
      return string.char(0x60 + 7) .. "ftrap\0f"
    end)
    local ok = pcall(wary.decode, wary, bytes)
    package.path = before
    assert.is_false(ok)
    assert.is_nil(rawget(_G, "TRAPPED"))
    assert.is_nil(package.loaded.trap)
  end)
end)

describe("a codec with trust", function()
  it("takes bytecode for a function, and never source text", function()
    local codec = core.codec()
    local bytes = codec:encode(function() end)
    local at = bytes:find("\27Lua", 1, true)
    local forged = bytes:sub(1, 2) .. string.char(0x60 + 8) .. "return 1" .. "\0"
    assert.is_true(at > 3)
    local ok, message = pcall(codec.decode, codec, forged)
    assert.is_false(ok)
    assert.matches("^corrupt message: .*attempt to load a text chunk", message)
  end)
end)

describe("the command line", function()
  helper.guard()

  local dump = string.dump(load("io.stderr:write 'TRAPPED' return function() end"), true)

  it("takes bytecode for a text like any other", function()
    local line = dump:gsub("\n", "")
    local done = helper.run({ helper.host, "map", "#x" }, { stdin = line .. "\n" })
    assert.are.equal(#line .. "\n", done.stdout)
    assert.are.equal("", done.stderr)
  end)

  it("compiles no bytecode as an expression", function()
    local done = helper.run({ helper.host, "map", "\27Lua" }, { stdin = "1\n" })
    assert.are_not.equal(0, done.status)
    assert.matches("cannot compile the expression", done.stderr, 1, true)
  end)

  it("takes bytecode in JSON for a text", function()
    local done = helper.run({ helper.host, "map", "--json", "type(x)" },
      { stdin = '"\\u001bLua"\n' })
    assert.are.equal('"string"\n', done.stdout)
  end)
end)

-- Bytes are decoded here and nowhere else: the ring, slots and setup of a pool
-- (a memfd without a name), and the heap of shared objects (likewise).
describe("the sources", function()
  local function files_with(pattern, command)
    local found = {}
    for path in assert(io.popen("ls " .. command)):lines() do
      if helper.read(path):find(pattern) then found[#found + 1] = path:match("[^/]*$") end
    end
    return table.concat(found, " ")
  end

  it("read messages only where they come from our own processes", function()
    assert.are.equal("bind_codec.c bind_event.c bind_shared_value.c task_results.c task_run.c",
      files_with("wp_codec_read%(L, ", "src/*.c"))
    assert.are.equal("inline.lua spawned.lua worker.lua",
      files_with("codec:decode%(", "lua/workerpool/*.lua"))
  end)

  it("load text alone, but for functions in messages and the user's script", function()
    assert.are.equal("codec_function.c host.c", files_with("luaL_loadbufferx?%(", "src/*.c"))
    assert.are.equal("expression.lua run.lua",
      files_with("%f[%w_]load%w*%(", "lua/workerpool/*.lua lua/workerpool/*/*.lua"))
  end)
end)
