-- Has the kernel killed a process for want of memory? It counts such kills in
-- /proc/vmstat (oom_kill, since Linux 4.13), for the whole machine.

local oom = {}

local known -- the count that we have seen last

---@param path? string
---@return integer? count nil where the kernel does not say
function oom.count(path)
  local file <close> = io.open(path or "/proc/vmstat")
  local n = file and file:read("a"):match("%f[%w]oom_kill (%d+)")
  return n and tonumber(n)
end

--- Counts from now on, unless that has begun already.
function oom.watch()
  known = known or oom.count() or 0
end

--- Has there been one since the last question, or since watch?
---@param path? string
---@return boolean
function oom.happened(path)
  local n = oom.count(path)
  local grown = n ~= nil and n > (known or n)
  known = n
  return grown
end

return oom
