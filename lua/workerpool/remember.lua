-- What is alive when workers are forked is there in each, and may travel as a
-- reference from then on: the functions of the call, tables of globals, and those
-- functions in the caller's sight that could travel in no other way.

local traceback = require "workerpool.traceback"

local getinfo, getlocal, getupvalue = debug.getinfo, debug.getlocal, debug.getupvalue

-- Some programs run under a table of globals of their own (test runners,
-- sandboxes). Workers are forked with that table, so functions that are made
-- later need not carry it along.
local function environment(known, f)
  for i = 1, math.huge do
    local name, value = getupvalue(f, i)
    if not name then return end
    if name == "_ENV" and type(value) == "table" and value ~= _G then
      known:remember(value, true)
    end
  end
end

-- Of a deep stack only so many levels at either end are looked at: getinfo counts
-- from the top, so each costs what it is deep, and a recursion repeats itself.
local NEAR, FAR = 200, 50

--- Remembers the tables of globals of the functions on the stack.
---@param known workerpool.Names
---@param level integer the first, as in debug.getinfo
local function environments(known, level)
  local first, near = level + 1, level + NEAR
  for at = first, near do
    local info = getinfo(at, "f")
    if not info then return end
    environment(known, info.func)
  end
  local last = traceback.last_level()
  for at = math.max(near + 1, last - FAR), last do
    environment(known, getinfo(at, "f").func)
  end
end

--- Remembers a function and its table of globals, or an object that can be
--- called as it is now; nil is passed over.
---@param known workerpool.Names
---@param f any
local function call(known, f)
  if f == nil then return end
  if type(f) ~= "function" then
    known:remember(f, true)
    return
  end
  known:remember(f)
  environment(known, f)
end

-- ---- what is in sight ---------------------------------------------------------------

-- Frames whose variables are looked at, and fields of a table that is in one.
local FRAMES, FIELDS = 50, 100

local function look_at(known, seen, value)
  if type(value) ~= "function" or seen[value] or known:has_name(value) then return end
  seen[value] = true
  if getinfo(value, "S").what ~= "C" then known:remember_stuck(value) end
end

-- A table may be a module, or a class, of the caller's.
local function look_into(known, seen, value)
  if type(value) ~= "table" then return look_at(known, seen, value) end
  if seen[value] or known:has_name(value) then return end
  seen[value] = true
  local left = FIELDS
  for _, field in next, value do
    if left == 0 then return end
    left = left - 1
    look_at(known, seen, field)
  end
end

local function variables(known, seen, get, of)
  for i = 1, math.huge do
    local name, value = get(of, i)
    if not name then return end
    if value ~= nil then look_into(known, seen, value) end
  end
end

local function frame(known, seen, level)
  local info = getinfo(level + 1, "Sf")
  if not info then return false end
  if info.what == "C" then return true end
  variables(known, seen, function(_, i) return getlocal(level + 3, i) end)
  variables(known, seen, getupvalue, info.func)
  return true
end

--- Remembers functions that cannot travel by value, for a file or a coroutine in their
--- upvalues: among the variables of the functions on the stack, and global ones.
---@param known workerpool.Names
---@param level integer the first, as in debug.getinfo
local function stuck(known, level)
  local seen = {}
  for at = level + 1, level + FRAMES do
    if not frame(known, seen, at) then break end
  end
  for _, value in next, _G do look_into(known, seen, value) end
end

return { environments = environments, call = call, stuck = stuck }
