-- How many CPUs this process may use: its affinity mask, and the quota of
-- its control groups. A container that may use two of sixty-four cores gets
-- no benefit from sixty-four workers.

local core = require "workerpool.core"

local ceil, huge, max, min = math.ceil, math.huge, math.max, math.min

local function read(path)
  local file = io.open(path)
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

-- "max 100000" or "150000 100000": a limit in CPUs, or infinity.
local function limit_v2(text)
  local quota, period = (text or ""):match("^(%d+)%s+(%d+)")
  if not quota or tonumber(period) == 0 then return huge end
  return tonumber(quota) / tonumber(period)
end

local function limit_v1(dir)
  local quota = tonumber(read(dir .. "/cpu.cfs_quota_us") or "")
  local period = tonumber(read(dir .. "/cpu.cfs_period_us") or "")
  if not quota or not period or quota <= 0 or period <= 0 then return huge end
  return quota / period
end

-- A group is limited by its ancestors too.
local function smallest_limit(root, path, limit_of)
  local least = huge
  while true do
    least = min(least, limit_of(root .. path))
    if path == "" or path == "/" then return least end
    path = path:match("^(.*)/[^/]*$") or ""
  end
end

local function limit_in_v2(dir)
  return limit_v2(read(dir .. "/cpu.max"))
end

--- CPUs by the quota of the control groups; infinity without one.
---@param root? string where they are mounted
---@param membership? string the text of /proc/self/cgroup
---@return number
local function quota(root, membership)
  root = root or "/sys/fs/cgroup"
  local least = huge
  for controllers, path in (membership or read("/proc/self/cgroup") or "")
      :gmatch("%d+:([^:\n]*):([^\n]*)") do
    if controllers == "" then
      least = min(least, smallest_limit(root, path, limit_in_v2))
    elseif ("," .. controllers .. ","):find(",cpu,", 1, true) then
      for _, mount in ipairs { "/cpu", "/cpu,cpuacct", "/" .. controllers } do
        least = min(least, smallest_limit(root .. mount, path, limit_v1))
      end
    end
  end
  return least
end

--- CPUs that this process may use, at least 1: the affinity mask and the
--- control groups' quota, rounded up, both counted.
---@return integer
local function count()
  local cpus = core.affinity()
  local n = cpus and #cpus or 1
  local allowed = quota()
  if allowed < n then n = ceil(allowed) end
  return max(n, 1)
end

return { count = count, quota = quota }
