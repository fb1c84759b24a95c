-- What the kernel counts of processes: memory and CPU time, from /proc.

local core = require "workerpool.core"

local meter = {}

local function lines_of(path)
  local file <close> = io.open(path)
  local lines = {}
  if file then for line in file:lines() do lines[#lines + 1] = line end end
  return lines
end

-- The named fields of a file such as /proc/PID/status, in bytes.
local function fields(path)
  local found = {}
  for _, line in ipairs(lines_of(path)) do
    local name, kib = line:match("^(%S+):%s+(%d+) kB")
    if name then found[name] = tonumber(kib) * 1024 end
  end
  return found
end

meter.pid = core.getpid

-- Pids of the children of this process.
function meter.children()
  local found, me = {}, tostring(core.getpid())
  local pipe <close> = assert(io.popen("cat /proc/[0-9]*/stat 2>/dev/null"))
  for line in pipe:lines() do
    local pid, name, parent = line:match("^(%d+) %((.*)%) %S (%d+)")
    -- The shell and the cat that read this are children, too.
    if parent == me and name ~= "sh" and name ~= "cat" then found[#found + 1] = tonumber(pid) end
  end
  return found
end

-- Memory of a process alone.
function meter.private(pid)
  local f = fields(("/proc/%s/smaps_rollup"):format(pid or "self"))
  return (f.Private_Clean or 0) + (f.Private_Dirty or 0)
end

function meter.resident(pid) return fields(("/proc/%s/status"):format(pid or "self")).VmRSS or 0 end

-- The most memory that a process had since `forget_peak`, shared pages included.
function meter.peak(pid) return fields(("/proc/%s/status"):format(pid or "self")).VmHWM or 0 end

function meter.forget_peak(pid)
  local file = io.open(("/proc/%s/clear_refs"):format(pid or "self"), "w")
  if file then
    file:write("5")
    file:close()
  end
end

-- Seconds of CPU time of a process of one thread. Reading it is to cost next to
-- nothing, for it counts.
function meter.cpu(pid)
  local file <close> = io.open(("/proc/%d/schedstat"):format(pid or core.getpid()))
  return (file and file:read("n") or 0) / 1e9
end

return meter
