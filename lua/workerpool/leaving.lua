-- How a crew ends: in good order, when nothing is left to do and all workers have run
-- worker_exit, or at once. Code of the caller's may be called meanwhile (a callback, a
-- function for prefixes) and may end the crew itself.

local core = require "workerpool.core"
local ended = require "workerpool.ended"
local errors = require "workerpool.errors"
local mixin = require "workerpool.mixin"

local LOOK_FOR_STOPPED = 0.5 -- seconds without news from workers that are to leave

local Ending = {}

function Ending:dismiss(w)
  self.expected[w] = "left"
  self.engine:stop(w)
end

-- A worker that is told to leave again goes on if somebody has stopped it, even
-- in a function: no limit has ended that.
function Ending:dismiss_stopped()
  self:each_running(function(w)
    if core.is_stopped(self.engine:pid(w)) then self:dismiss(w) end
  end)
end

-- Ctrl-C while workers are leaving, and somebody waits for that: they go now.
local Leaving = {}
Leaving.__close = function(leaving, thrown)
  if errors.is_interrupt(thrown) then leaving.crew:break_off() end
end

function Ending:break_off()
  self.hopeless = true
  self:kill_now()
  -- Before the deaths are looked at, which would be taken for crashes.
  self:tell_all(errors.terminated())
  self:kill_all()
end

-- Handles an event while somebody waits for the end. What code of the caller's
-- raises then, such as a function for prefixes, is told with what exit functions do.
function Ending:pump_to_the_end(seconds)
  local ok, handled = pcall(self.pump, self, seconds)
  if ok then return handled end
  if self.broken or self:is_reading() or errors.is_interrupt(handled) then
    error(handled, 0)
  end
  self.phase_error = self.phase_error or handled
  return true
end

--- Waits until a queue has nothing left to do, also of what its callbacks send.
function Ending:finish(queue)
  self:check_waiting()
  local _ <close> = setmetatable({ crew = self }, Leaving)
  while queue.pending > 0 and not self.closed do
    self:revive()
    queue:send_overflow()
    if queue.pending > 0 and not self:pump_to_the_end(LOOK_FOR_STOPPED) then
      self:dismiss_stopped()
    end
  end
end

--- Lets every worker leave; returns the first error of an init or exit function
--- that no call has been told of, if any.
function Ending:stop_all()
  local _ <close> = setmetatable({ crew = self }, Leaving)
  self.leaving = true
  self:each_running(function(w) self:dismiss(w) end)
  while self.engine:alive() > 0 do
    if not self:pump_to_the_end(LOOK_FOR_STOPPED) then self:dismiss_stopped() end
  end
  return self.phase_error
end

--- False when it was dead already: that was not us.
---@param w integer
---@return boolean
function Ending:kill(w)
  if not self.engine:kill(w) then return false end
  self.expected[w] = "killed"
  return true
end

function Ending:kill_now()
  self.closing = true
  self:each_running(function(w) self:kill(w) end)
end

function Ending:kill_all()
  self:kill_now()
  -- While an event is read, those that are left are buried with the engine.
  while self.engine:alive() > 0 and not self.broken and not self:is_reading() do
    self:pump_to_the_end()
  end
end

function Ending:close()
  if self.closed then return end
  self.closed = true
  self.engine:close()
  self.engine = ended
  if self.frozen then core.thaw() end
  self.heap:close()
end

-- Gives a class of crews these methods.
return mixin(Ending)
