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

local function line_of(value, ...)
  if select("#", ...) == 0 then return text_of(value) end
  local fields = pack(value, ...)
  for i = 1, fields.n do fields[i] = text_of(fields[i]) end
  return concat(fields, "\t")
end

local text = { encode = line_of } -- a line is what a task is given

-- ---- JSON -------------------------------------------------------------------------

local MISSING = "--json needs the module cjson (Debian: apt install lua-cjson; "
  .. "LuaRocks: luarocks install lua-cjson)"

-- What is written for the results of a task: one value is itself, several
-- are an array.
local function value_of(null, ...)
  local list = pack(...)
  local n = list.n
  list.n = nil
  for i = 1, math.max(n, 1) do
    if list[i] == nil then list[i] = null end
  end
  if n <= 1 then return list[1] end
  return list
end

local function encoder(cjson)
  return function(...)
    local ok, line = pcall(cjson.encode, value_of(cjson.null, ...))
    if not ok then error("the result has no form in JSON: " .. line, 0) end
    return line
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
