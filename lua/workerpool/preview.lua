-- A short, printable picture of any values, for error messages and reports.
--
-- The values belong to the user and may be in any state when something went
-- wrong, so nothing here runs user code: tables are read with rawget, next
-- and rawlen, never through metamethods, and no tostring is called. The
-- text is bounded however large or cyclic the values are: a budget of bytes
-- is shared by all that is drawn, and each string, table and level of
-- nesting has a limit of its own.

-- A task may have set these to anything by the time an error is described.
local debug, ipairs, math, next, rawget, rawlen, string, table, type, utf8 =
  debug, ipairs, math, next, rawget, rawlen, string, table, type, utf8

local byte, find, format, gsub, sub =
  string.byte, string.find, string.format, string.gsub, string.sub
local concat, sort = table.concat, table.sort
local get_metatable = debug and debug.getmetatable or getmetatable

local TOTAL_BYTES = 200
local STRING_BYTES = 60
local NAME_BYTES = 40
local TABLE_ITEMS = 8
local DEPTH = 3
local KEYS_LOOKED_AT = 64

local ESCAPES = {
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\",
}

local function escape_byte(c)
  return ESCAPES[c] or format("\\x%02X", byte(c))
end

-- The largest cut at or below `limit` that splits no UTF-8 sequence.
local function cut_at(s, limit)
  local stop = limit
  while stop > limit - 4 and stop > 0 do
    local following = byte(s, stop + 1)
    if not following or following < 0x80 or following >= 0xC0 then
      return stop
    end
    stop = stop - 1
  end
  return limit -- not UTF-8 at all
end

local function escaped(s)
  s = gsub(s, '[\0-\31\127"\\]', escape_byte)
  if not utf8.len(s) then
    s = gsub(s, "[\x80-\xFF]", escape_byte)
  end
  return s
end

-- Escapes take up to four columns for a byte, so binary data is cut sooner.
local function quote(s, limit)
  local text, tail = escaped(sub(s, 1, cut_at(s, limit))), ""
  if #text > 2 * limit then
    limit = limit // 3
    text = escaped(sub(s, 1, cut_at(s, limit)))
  end
  if #s > limit then tail = "…" end
  return '"' .. text .. tail .. '"'
end

local function number_text(x)
  if math.type(x) == "integer" then
    return format("%d", x)
  elseif x ~= x then
    return "nan"
  end
  local text = format("%.14g", x)
  return find(text, "^-?%d+$") and text .. ".0" or text
end

-- The __name of a value's metatable: how Lua's own messages call a type.
local function type_name(v)
  local mt = get_metatable(v)
  local name = type(mt) == "table" and rawget(mt, "__name")
  if type(name) ~= "string" then return nil end
  return (gsub(sub(name, 1, NAME_BYTES), "[^\x20-\x7E]", "?"))
end

local function function_text(f)
  local info = debug and debug.getinfo(f, "S")
  if not info then return "function" end
  if info.what == "C" then return "function ([C])" end
  return format("function (%s:%d)", info.short_src, info.linedefined)
end

-- Everything but tables, whose insides cost space, in one piece.
local plain = {
  ["nil"] = function() return "nil" end,
  boolean = function(v) return v and "true" or "false" end,
  number = number_text,
  string = function(v) return quote(v, STRING_BYTES) end,
  ["function"] = function_text,
  thread = function() return "thread" end,
  userdata = function(v)
    return format("userdata (%s)", type_name(v) or "no name")
  end,
}

-- A picture under way: the pieces so far and the bytes that may still come.
local function put(out, piece)
  out[#out + 1] = piece
  out.left = out.left - #piece
end

local function key_text(key)
  if type(key) ~= "string" then
    local draw = plain[type(key)]
    return "[" .. (draw and draw(key) or "table") .. "]="
  elseif find(key, "^[%a_][%w_]*$") and #key <= NAME_BYTES then
    return key .. "="
  end
  return "[" .. quote(key, NAME_BYTES) .. "]="
end

-- Keys outside the list part, names first and in alphabetical order, so that
-- the same record always looks the same. Only some keys of a large table
-- are looked at: a preview must not walk through a million of them.
local function named_keys(t, list_length)
  local names, others, looked = {}, {}, 0
  local start
  if list_length > KEYS_LOOKED_AT / 2 then start = list_length end
  for key in next, t, start do
    looked = looked + 1
    if looked > KEYS_LOOKED_AT then break end
    if type(key) == "string" then
      names[#names + 1] = key
    elseif not (math.type(key) == "integer" and key >= 1 and key <= list_length) then
      others[#others + 1] = key
    end
  end
  sort(names)
  return table.move(others, 1, #others, #names + 1, names)
end

local draw

local function draw_items(out, t, inside)
  local length, drawn = rawlen(t), 0
  local function more(label, value)
    if drawn > 0 then put(out, ", ") end
    if drawn == TABLE_ITEMS or out.left <= 0 then
      put(out, "…")
      return false
    end
    drawn = drawn + 1
    put(out, label)
    draw(out, value, inside)
    return true
  end
  for i = 1, length do
    if not more("", rawget(t, i)) then return end
  end
  for _, key in ipairs(named_keys(t, length)) do
    if not more(key_text(key), rawget(t, key)) then return end
  end
end

local function draw_table(out, t, outside)
  put(out, type_name(t) or "")
  if outside[t] or #outside >= DEPTH then
    return put(out, next(t) == nil and "{}" or "{…}")
  end
  outside[t], outside[#outside + 1] = true, t
  put(out, "{")
  draw_items(out, t, outside)
  put(out, "}")
  outside[t], outside[#outside] = nil, nil
end

-- `outside` is the list, and the set, of the tables being drawn.
function draw(out, v, outside)
  if type(v) == "table" then return draw_table(out, v, outside) end
  return put(out, (plain[type(v)] or type)(v))
end

local function count_of(args)
  local n = rawget(args, "n")
  if math.type(n) == "integer" and n >= 0 then return n end
  return rawlen(args)
end

--- A short text for a list of arguments, such as `3, "name", {x=1}`.
--- It never raises and never calls a metamethod.
---@param args any the list; anything but a table counts as the one argument
---@param n? integer how many; else the field n, else the length
---@return string
local function preview(args, n)
  if type(args) ~= "table" then args, n = { args }, 1 end
  local out = { left = TOTAL_BYTES }
  for i = 1, n or count_of(args) do
    if i > 1 then put(out, ", ") end
    if out.left <= 0 then
      put(out, "…")
      break
    end
    draw(out, rawget(args, i), {})
  end
  return concat(out)
end

return {
  preview = preview,
  type_name = type_name,
}
