-- What a function closes over at one moment: its upvalues, and those of the
-- functions among them. Tells later whether the function would still be sent
-- as it was.

local getinfo, getupvalue = debug.getinfo, debug.getupvalue
local rawequal, rawget, type = rawequal, rawget, type

local snapshot = {}

-- Functions that are looked at; those nearest come first.
local LARGEST = 100

local function upvalues_of(f)
  local list, n = {}, 0
  while true do
    local name, value = getupvalue(f, n + 1)
    if not name then break end
    n = n + 1
    list[n] = value
  end
  list.n = n
  return list
end

-- Functions with a name are not followed: their state does not travel anyway.
local function is_followed(value, named)
  return type(value) == "function" and not named[value] and getinfo(value, "S").what ~= "C"
end

--- A list of { f, upvalues }: the function and those in its upvalues.
---@param f function
---@param named table what travels by a name, as keys
---@return table
function snapshot.of(f, named)
  local list, seen, functions = {}, { [f] = true }, { f }
  while #list < #functions do
    local g = functions[#list + 1]
    local upvalues = upvalues_of(g)
    list[#list + 1] = { g, upvalues }
    for i = 1, upvalues.n do
      local value = upvalues[i]
      if #functions < LARGEST and is_followed(value, named) and not seen[value] then
        seen[value] = true
        functions[#functions + 1] = value
      end
    end
  end
  return list
end

-- 1 and 1.0 are equal, and so are 0.0 and -0.0, but not the same to a function.
local function is_same_number(a, b)
  return a ~= a and b ~= b
    or a == b and math.type(a) == math.type(b) and (a ~= 0 or 1 / a == 1 / b)
end

local function is_same(a, b)
  if type(a) == "number" and type(b) == "number" then return is_same_number(a, b) end
  return rawequal(a, b)
end

--- Are all upvalues what they were? Tables and functions by identity.
---@param list table
---@return boolean
function snapshot.is_unchanged(list)
  for _, entry in ipairs(list) do
    local f, upvalues = entry[1], entry[2]
    for i = 1, upvalues.n do
      local _, value = getupvalue(f, i)
      if not is_same(value, upvalues[i]) then return false end
    end
  end
  return true
end

local IMMUTABLE = { ["nil"] = true, boolean = true, number = true, string = true }

--- Does a function with unchanged upvalues stay the same to others? Not when
--- there is a table among them that travels by value, for it may change inside.
---@param list table
---@param named table
---@return boolean
function snapshot.is_settled(list, named)
  local seen = {}
  for _, entry in ipairs(list) do seen[entry[1]] = true end
  for _, entry in ipairs(list) do
    for i = 1, entry[2].n do
      local value = entry[2][i]
      if not (IMMUTABLE[type(value)] or named[value] or seen[value]) then return false end
    end
  end
  return true
end

local MAY_BE_STUCK = { ["function"] = true, userdata = true, thread = true }

local function is_stuck(value, named)
  local kind = type(value)
  if kind == "userdata" then
    local mt = debug.getmetatable(value)
    return not (type(mt) == "table" and rawget(mt, "__workerpool_pack"))
  end
  if kind == "function" then return not named[value] and getinfo(value, "S").what == "C" end
  return kind == "thread"
end

--- False for most functions, at less cost than a snapshot.
---@param f function
---@param named table
---@return boolean
function snapshot.may_be_stuck(f, named)
  for i = 1, math.huge do
    local name, value = getupvalue(f, i)
    if not name then return false end
    if MAY_BE_STUCK[type(value)] and not named[value] then return true end
  end
end

--- Is there something among the upvalues that cannot travel? What is in tables is not
--- looked at.
---@param list table
---@param named table
---@return boolean
function snapshot.is_stuck(list, named)
  for _, entry in ipairs(list) do
    for i = 1, entry[2].n do
      if is_stuck(entry[2][i], named) then return true end
    end
  end
  return false
end

return snapshot
