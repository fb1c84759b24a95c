-- What tasks of specs do.

local core = require "workerpool.core"
local workerpool = require "workerpool"

local deeds = {}

function deeds.same(...) return ... end

--- Does a pool map as it should?
function deeds.works(pool)
  local list = pool:map(deeds.same, workerpool.range(20))
  for i = 1, 20 do if list[i] ~= i then return false end end
  return list.n == 20
end

--- Sends this process a signal that it does not outlive, or stops it.
---@param name string as for kill
function deeds.signal_self(name)
  os.execute("kill -" .. name .. " " .. core.getpid())
  core.sleep(60)
end

return deeds
