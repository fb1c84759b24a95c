-- The traceback of a task: the user's frames, and none of ours below them. A
-- forked worker stands on a copy of the host's whole stack, which has
-- nothing to do with the task.

-- A task may have set these to anything by the time an error is described.
local debug, string, table, xpcall =
  debug, string, table, xpcall

local core = require "workerpool.core"

local format = string.format
local getinfo = debug.getinfo

local MOST_LINES = 24

-- The C functions that run tasks: the user's frames end where one begins.
local function is_ours(func)
  return func == core.run or func == core.link_run
    or func == xpcall
end

local function frame_name(info)
  if info.what == "main" then return "in main chunk" end
  if info.name then return format("in %s '%s'", info.namewhat, info.name) end
  if info.what == "C" then return "in ?" end
  return format("in function <%s:%d>", info.short_src, info.linedefined)
end

local function line_of(info)
  local place = info.short_src
  if info.currentline and info.currentline > 0 then
    place = place .. ":" .. info.currentline
  end
  return place .. ": " .. frame_name(info)
end

-- getinfo counts levels from the top, so each call costs what its level is
-- deep: after a stack overflow there are 200,000, and only some are looked at.

--- The deepest level there is, counted from the caller of this function.
---@return integer
local function last_level()
  local below, beyond = 1, 2
  while getinfo(beyond, "l") do below, beyond = beyond, beyond * 2 end
  while beyond - below > 1 do
    local middle = (below + beyond) // 2
    if getinfo(middle, "l") then below = middle else beyond = middle end
  end
  return below - 1
end

-- The level of the frame that runs tasks: looked for from the top if it is
-- near, else from the bottom, where it is never far.
local function level_of_ours(from)
  for level = from, from + MOST_LINES do
    local info = getinfo(level, "f")
    if not info or is_ours(info.func) then return level end
  end
  local level = last_level()
  while level > from and not is_ours(getinfo(level, "f").func) do
    level = level - 1
  end
  return level
end

--- The stack from `level` (1: the caller) to where the task began.
---@param level integer
---@return string
local function of_task(level)
  local first, stop = level + 1, level_of_ours(level + 2) - 1
  -- The protected call's own C frame says nothing to a reader.
  local last = stop - 1
  local below = getinfo(last, "nS")
  if below and below.what == "C" and not below.name then last = last - 1 end
  local lines = {}
  for at = first, last do
    local skip = last - first - MOST_LINES
    if skip > 0 and at == first + MOST_LINES // 2 then
      lines[#lines + 1] = format("(%d levels left out)", skip)
    end
    if skip <= 0 or at < first + MOST_LINES // 2 or at > last - MOST_LINES // 2 then
      lines[#lines + 1] = line_of(getinfo(at, "nSl"))
    end
  end
  return table.concat(lines, "\n")
end

return { of_task = of_task, last_level = last_level }
