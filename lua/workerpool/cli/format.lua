-- How `workerpool map` reads tasks and writes results: as plain lines or as
-- JSON. Both run in the workers, so the host only moves text.

local concat, pack = table.concat, table.pack
local format = string.format

-- ---- plain lines ------------------------------------------------------------------

-- nil is an empty field; what has no text of its own would print as an address.
local function text_of(value)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "nil" then return "" end
  if kind == "number" or kind == "boolean" then return tostring(value) end
  local mt = debug.getmetatable(value)
  if type(mt) == "table" and mt.__tostring then return tostring(value) end
  error(format("the result is a %s, which is no line of text%s", kind,
    kind == "table" and " (--json prints tables)" or ""), 0)
end

local function line_of(...)
  if select("#", ...) == 1 then return text_of((...)) end
  local fields = pack(...)
  for i = 1, fields.n do fields[i] = text_of(fields[i]) end
  return concat(fields, "\t")
end

local text = {
  decode = function(line) return line end,
  encode = line_of,
}

-- ---- JSON -------------------------------------------------------------------------

local MISSING = "--json needs the module cjson (Debian: apt install lua-cjson; "
  .. "LuaRocks: luarocks install lua-cjson)"

-- One value is itself, several are an array.
local function encoder(cjson)
  return function(...)
    local n = select("#", ...)
    if n <= 1 then
      local value = ...
      return cjson.encode(value == nil and cjson.null or value)
    end
    local list = pack(...)
    list.n = nil
    for i = 1, n do
      if list[i] == nil then list[i] = cjson.null end
    end
    return cjson.encode(list)
  end
end

local function decoder(cjson)
  return function(line)
    local ok, value = pcall(cjson.decode, line)
    if not ok then error("not JSON: " .. value, 0) end
    return value
  end
end

--- The two functions for JSON, or nil and a message.
local function json()
  local ok, cjson = pcall(require, "cjson")
  if not ok then return nil, MISSING end
  return { decode = decoder(cjson), encode = encoder(cjson) }
end

return { text = text, json = json }
