-- Writes the seeds of spec/fuzz/corpus_decode: one small message for each kind
-- of thing in the wire format.
--   eval "$(make -s env)" && lua5.4 spec/fuzz/make_corpus.lua

local core = require "workerpool.core"

local codec = core.codec()
local folder = "spec/fuzz/corpus_decode/"

-- Names as decode.c gives them; they have the length of ours.
local function with_name(bytes, ours, theirs)
  local at = assert(bytes:find(string.char(0x60 + #ours) .. ours, 1, true))
  return bytes:sub(1, at - 1) .. string.char(0x60 + #theirs) .. theirs
    .. bytes:sub(at + 1 + #ours)
end

local function class(name, fields)
  require("workerpool.names").register_class(name, fields)
  return fields
end
local Plain = class("Plain", {})
local Packed = class("Packed", {
  __workerpool_pack = function(t) return t[1], t[2] end,
  __workerpool_unpack = function(...) return { ... } end,
})

local shared = { 1 }
shared.self = shared
local floats, map, records = {}, {}, {}
for i = 1, 20 do floats[i] = i / 7 end
for i = 1, 40 do map["k" .. i] = i end
for i = 1, 4 do records[i] = { id = i, name = "foo", value = 1.5 } end

-- More kept words than have places of their own, and a class behind them.
local words, classed = {}, {}
for i = 1, 80 do words[i] = "w" .. i % 40 end
for i = 1, 3 do classed[i] = setmetatable({ i }, Plain) end

local seeds = {
  empty = codec:encode(),
  scalars = codec:encode(nil, true, false, 5, -1, 300, 1 << 20, 1 << 40, 1.5, "text"),
  strings = codec:encode(("a"):rep(35), ("b"):rep(50), ("c"):rep(300)),
  many = codec:encode(table.unpack({}, 1, 70)),
  lists = codec:encode({ 1, 2, { 3 } }, { 1, x = 2 }, floats),
  maps = codec:encode({ a = 1, [1.5] = 2, [{}] = 3 }, map),
  kept = codec:encode(records),
  words = with_name(codec:encode(words, words[1], classed), "cPlain", "c"),
  shared = codec:encode(shared, { shared }),
  code = codec:encode(function() return shared end),
  name = with_name(codec:encode(print), "f_G\0print", "f"),
  class = with_name(codec:encode { setmetatable({ 1 }, Plain), setmetatable({}, Plain) },
    "cPlain", "c"),
  packed = with_name(codec:encode { setmetatable({ 1, {} }, Packed), setmetatable({}, Packed) },
    "cPacked", "p"),
}

for name, bytes in pairs(seeds) do
  local file <close> = assert(io.open(folder .. name, "wb"))
  file:write(bytes)
end
