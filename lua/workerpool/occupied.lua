-- When a crew can look at no other event: the collector may call a finalizer in the midst
-- of the one at hand, or of a task that is being written, and so may what packs an object
-- call us. Whoever waits there would wait for what he is in the midst of, or lose it.

local mixin = require "workerpool.mixin"

local getinfo, getlocal = debug.getinfo, debug.getlocal

local WRITING = "a finalizer or __workerpool_pack cannot wait for the pool that sends a task "
  .. "just then"
-- As the engine says while it reads.
local READING = "a finalizer or __workerpool_unpack cannot wait for the pool that reads a "
  .. "result just then"

local Occupied = {}

-- Is one of the frames from this level on, as in debug.getinfo, such that handles an event?
local function is_handling(self, level)
  for at = level + 1, math.huge do
    local info = getinfo(at, "f")
    if not info then return false end
    if info.func == getmetatable(self).dispatch and select(2, getlocal(at, 1)) == self then
      return true
    end
  end
end

--- What was to be read of the event at hand has been. Called before code of the user's,
--- which may wait for the next one.
function Occupied:release()
  self.engine:release()
end

--- Are we in the midst of an event? One that is unread does not say so: an interrupt may
--- have come before it was read.
---@return boolean
function Occupied:is_reading()
  local reading, unread = self.engine:is_reading()
  return reading or unread and is_handling(self, 2)
end

--- Raises unless the unread event is one that an interrupt has left behind. Called by
--- what handles events itself.
function Occupied:check_unread()
  if is_handling(self, 3) then error(READING, 0) end
end

--- Raises in what is called while a task is written.
function Occupied:check_waiting()
  if self.writer:is_busy() then error(WRITING, 0) end
end

--- Is there an event, or a task, in whose midst no other event may be looked at?
---@return boolean
function Occupied:is_occupied()
  return self.writer:is_busy() or self:is_reading()
end

-- Gives a class of crews these methods. It has the fields engine and writer, and a
-- method dispatch that handles events.
return mixin(Occupied)
