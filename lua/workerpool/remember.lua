-- What is alive when workers are forked is there in each, and may travel as a
-- reference from then on: the functions of the call, and tables of globals.

local traceback = require "workerpool.traceback"

local getinfo = debug.getinfo

-- Some programs run under a table of globals of their own (test runners,
-- sandboxes). Workers are forked with that table, so functions that are made
-- later need not carry it along.
local function environment(known, f)
  for i = 1, math.huge do
    local name, value = debug.getupvalue(f, i)
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

return { environments = environments, call = call }
