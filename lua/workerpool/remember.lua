-- What is alive when workers are forked is there in each, and may travel as a
-- reference from then on: the functions of the call, and tables of globals.

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

--- Remembers the tables of globals of all functions on the stack.
---@param known workerpool.Names
---@param level integer the first, as in debug.getinfo
local function environments(known, level)
  for at = level + 1, math.huge do
    local info = debug.getinfo(at, "f")
    if not info then return end
    environment(known, info.func)
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
