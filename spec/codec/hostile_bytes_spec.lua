-- Bytes that no encoder wrote: the decoder raises or returns, and stays within
-- its bounds. What it allocates is in proportion to what it was given.

local core = require "workerpool.core"
local names = require "workerpool.names"

local codec = core.codec()
local wary = core.codec()
wary:trust(false)

local Point = {}
names.register_class("spec.hostile.Point", Point)
local Packed = {
  __workerpool_pack = function(self) return self[1], self[2] end,
  __workerpool_unpack = function(...) return { ... } end,
}
names.register_class("spec.hostile.Packed", Packed)

local function samples()
  local shared, records, map, floats = { 1 }, {}, {}, {}
  for i = 1, 4 do records[i] = { id = i, name = "foo", value = 1.5 } end
  for i = 1, 40 do map["k" .. i], floats[i] = i, i / 7 end
  shared.self = shared
  return {
    codec:encode(),
    codec:encode(1, -1, 300, 1 << 20, 1 << 40, 1.5, true, false, nil, "text"),
    codec:encode(("long"):rep(20), ("longer"):rep(100)),
    codec:encode(records),
    codec:encode(map, floats),
    codec:encode({ 1, 2, 3, x = 1, [2.5] = 2, [{}] = {} }),
    codec:encode(shared, shared, { shared }),
    codec:encode(setmetatable({ x = 1 }, Point), setmetatable({ x = 1 }, Point)),
    codec:encode(setmetatable({ 1, { 2 } }, Packed), print, string),
    codec:encode(table.unpack({}, 1, 100)),
  }
end

-- Raises only what a decoder may raise; returns what pcall returned.
local function decode(bytes)
  local ok, message = pcall(wary.decode, wary, bytes)
  if not ok then
    assert.is_string(message)
    assert.is_true(message:find("^corrupt message: .+ at byte %d+$") ~= nil
      or message:find("is not available in this process", 1, true) ~= nil
      or message:find("is not registered in this process", 1, true) ~= nil
      or message:find("has no __workerpool_unpack", 1, true) ~= nil
      or message:find("functions are not accepted", 1, true) ~= nil, message)
  end
  return ok, message
end

describe("a decoder", function()
  it("refuses every message that was cut", function()
    for _, bytes in ipairs(samples()) do
      for n = 0, #bytes - 1 do
        assert.is_false(decode(bytes:sub(1, n)), n .. " of " .. #bytes)
      end
      assert.is_true(decode(bytes))
    end
  end)

  it("survives every change of a single byte", function()
    for _, bytes in ipairs(samples()) do
      for n = 1, #bytes do
        local before, after = bytes:sub(1, n - 1), bytes:sub(n + 1)
        for byte = 0, 255, #bytes > 200 and 7 or 1 do
          decode(before .. string.char(byte) .. after)
        end
      end
    end
  end)

  it("survives random bytes", function()
    local seed = tonumber(os.getenv "WORKERPOOL_SEED") or os.time()
    math.randomseed(seed)
    for _ = 1, 20000 do
      local bytes = {}
      for i = 1, math.random(40) do bytes[i] = string.char(math.random(0, 255)) end
      local ok, reason = pcall(decode, table.concat(bytes))
      assert.is_true(ok, ("seed %d: %s"):format(seed, tostring(reason)))
    end
  end)

  it("names the place where a message goes wrong", function()
    assert.has_error(function() codec:decode "" end,
      "corrupt message: the end is missing at byte 0")
    assert.has_error(function() codec:decode "\1\xC7\0\0" end,
      "corrupt message: the end is missing at byte 2")
    assert.has_error(function() codec:decode "\1\xDF" end,
      "corrupt message: an unknown tag at byte 2")
  end)

  it("refuses keys that a table cannot have", function()
    assert.has_error(function() codec:decode "\1\x81\xC0\1" end,
      "corrupt message: a key that is nil at byte 3")
    assert.error_matches(function()
      codec:decode("\1\x81\xC7" .. string.pack("=n", 0 / 0) .. "\1")
    end, "^corrupt message: a key that is not a number")
  end)

  it("refuses references to what is not there", function()
    for _, bytes in ipairs {
      "\1\xCE\0", "\x81\xCE\0", "\x81\xCE\5", "\x82\x80\xCE\1", "\1\xA0", "\x41\xA0",
      "\x41\xCB\x7F", "\1\xCA\1x", "\x81\xD3\x61x\x80", "\x41\xD3\x05\x80",
    } do
      local ok, message = decode(bytes)
      assert.is_false(ok)
      assert.matches("^corrupt message", message)
    end
  end)

  it("refuses a class where a kept string is meant, and the reverse", function()
    local class = "\xD3\x73cspec.hostile.Point\x80"
    local word = "\xCA\1x"
    assert.is_true(decode("\x41" .. class))
    assert.is_true(decode("\x42" .. word .. "\xA0"))
    for _, bytes in ipairs {
      "\x42" .. class .. "\xA0", "\x42" .. class .. "\x81\xA0\1", "\x42" .. class .. "\xCB\0",
      "\x42" .. word .. "\xD3\xA0\x80", "\x42" .. word .. "\xA1", "\x42" .. word .. "\xCB\1",
    } do
      local ok, message = decode(bytes)
      assert.is_false(ok)
      assert.matches("^corrupt message", message)
    end
    -- Behind the 32 that have places of their own.
    local words = {}
    for i = 1, 32 do words[i] = "\xCA\1" .. string.char(64 + i) end
    local many = table.concat(words)
    assert.is_true(decode("\x62" .. many .. word .. "\xCB\32"))
    assert.is_false(decode("\x62" .. many .. class .. "\xCB\32"))
    assert.is_false(decode("\x62" .. many .. word .. "\xD3\xCB\32\x80"))
    assert.is_false(decode("\x61" .. many .. "\xCB\32"))
  end)

  it("refuses nesting over the limit", function()
    -- Lists of one; maps whose value goes on; maps whose key does.
    for _, level in ipairs { "\xCC\1", "\x81\1", "\x81" } do
      local ok, message = decode("\1" .. level:rep(100000))
      assert.is_false(ok)
      assert.matches("^corrupt message: values nested too deep at byte", message)
    end
  end)
end)

describe("memory", function()
  -- Kilobytes that decoding takes at its peak: garbage stays while it runs.
  local function taken(bytes)
    collectgarbage()
    collectgarbage()
    collectgarbage "stop"
    local before = collectgarbage "count"
    decode(bytes)
    local after = collectgarbage "count"
    collectgarbage "restart"
    return after - before
  end

  local pad = ("\1"):rep(2000)

  it("is not taken for tables that are only promised", function()
    for _, head in ipairs {
      "\xCC\xFF\xFF\xFF\xFF\x7F", -- a list of 2^35
      "\xCC\xD0\x0F",             -- of 2000
      "\xFA", "\xFF", "\xE0", "\xEA", -- maps of 2^26, 2^31, 1, 2^10
      "\xC9\xFF\xFF\xFF\xFF\x7F", -- a string
      "\xCC\x08\xD5\xFF\xFF\xFF\x7F", -- floats
    } do
      assert.is_true(taken("\1" .. head .. pad) < 400, ("%q"):format(head))
    end
  end)

  it("is not promised twice, by tables in tables", function()
    -- 500 lists, each the first item of one before, each claiming the rest.
    local heads = {}
    for i = 1, 500 do heads[i] = "\xCC" .. string.char(0x80 | (2000 - i) % 128, (2000 - i) // 128) end
    assert.is_true(taken("\1" .. table.concat(heads) .. pad) < 800)
    -- Large maps that end at once, one after another.
    assert.is_true(taken("\1\xCC\xE8\x07" .. ("\xEA\xD6"):rep(1000) .. pad) < 800)
  end)

  it("is not taken for values that are only promised", function()
    assert.is_true(taken("\x3F\xFF\xFF\xFF\xFF\x7F" .. pad) < 400)
  end)
end)
