-- The codec beside cjson, by documents. Two sides of one program each, so that
-- neither sees the other's garbage. Functions are called by their local names: how
-- one is found in an object or in a module is Lua's time, and a fifth of what the
-- smallest documents take.
local kit = ...
local documents = require "codec_documents"
local has_cjson, cjson = pcall(require, "cjson")
local codec = kit.core.codec()
local encode, decode = codec.encode, codec.decode
local write_json, read_json = has_cjson and cjson.encode, has_cjson and cjson.decode
if has_cjson then cjson.encode_sparse_array(true) end

local values = {}
for _, document in ipairs(documents) do values[document.name] = document end

local rows, small, large = {}, {}, {}
for _, document in ipairs(documents) do
  for _, way in ipairs { "encode", "decode" } do
    local label = way .. ": " .. document.name
    rows[#rows + 1] = { label = label, values = { document = document.name, way = way },
      without = document.cjson == false and { "lua-cjson" } or nil }
    table.insert(document.small and small or large, label)
  end
end

-- Of so many calls, with nothing in between: f(argument), or f(codec, argument).
local function times(n, f, argument)
  return kit.seconds(function() for _ = 1, n do f(argument) end end)
end

local function times_of_ours(n, f, argument)
  return kit.seconds(function() for _ = 1, n do f(codec, argument) end end)
end

return {
  place = 50, name = "codec",
  title = "a value into bytes and back", unit = "document", most = 1000000, weight = 0.1,
  targets = {
    { text = "5 times lua-cjson on small records", against = "lua-cjson", at_least = 5, rows = small },
    { text = "not slower on any document", against = "lua-cjson", at_least = 1, rows = large },
  },
  rows = rows,
  ours = {
    ["workerpool"] = function(n, v)
      local value = values[v.document].make()
      if v.way == "encode" then return times_of_ours(n, encode, value) end
      return times_of_ours(n, decode, encode(codec, value))
    end,
  },
  plain = has_cjson and {
    ["lua-cjson"] = function(n, v)
      local value = values[v.document].make()
      if v.way == "encode" then return times(n, write_json, value) end
      return times(n, read_json, write_json(value))
    end,
  } or nil,
}
