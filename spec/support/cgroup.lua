-- A control group with a limit, for programs that specs start: version 1 or 2,
-- where the rights are there. Made at the top, so that whoever runs the specs in
-- a group of their own finds nothing in it.

local helper = require "spec.support.helper"

local cgroup = {}

local n_made = 0

local FILES = {
  memory = { { "memory.limit_in_bytes", "memory.memsw.limit_in_bytes" }, { "memory.max", "memory.swap.max" } },
  pids = { { "pids.max" }, { "pids.max" } },
}

local function write(path, text)
  local file <close> = io.open(path, "w")
  return file and file:write(text) and file:flush() and true
end

local function made(folder)
  return os.execute("mkdir " .. helper.quote(folder) .. " 2>/dev/null")
end

-- The limits in a new group; nil where that is not permitted.
local function limited(folder, files, limit)
  if not made(folder) then return nil end
  if write(folder .. "/" .. files[1], limit) then
    if files[2] then write(folder .. "/" .. files[2], files[2]:find("swap") and 0 or limit) end
    return folder
  end
  os.execute("rmdir " .. helper.quote(folder))
end

--- A group whose processes may have so much of "memory" (bytes) or of "pids";
--- nil where there is no way to make one.
---@param what string
---@param limit integer
---@return table? group with the fields command (words in front of a command's) and remove()
function cgroup.new(what, limit)
  n_made = n_made + 1
  local name = ("/workerpool-spec-%d-%d"):format(helper.pid(), n_made)
  local folder = limited("/sys/fs/cgroup/" .. what .. name, FILES[what][1], limit)
    or limited("/sys/fs/cgroup" .. name, FILES[what][2], limit)
  if not folder then return nil end
  return {
    command = ("echo $$ >%s/cgroup.procs && exec "):format(folder),
    remove = function()
      -- The last process may still be on its way out.
      assert(helper.eventually(function()
        return os.execute("rmdir " .. helper.quote(folder) .. " 2>/dev/null")
      end))
    end,
  }
end

return cgroup
