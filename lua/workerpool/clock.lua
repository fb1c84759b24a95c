-- Timeouts. A worker stamps its line when a function begins (src/worker.c);
-- the host looks at the stamps when one could be too old. A late worker is
-- killed: nothing in the task can hold that up, neither pcall nor a loop in
-- C. Time in a queue does not count.
--
-- A worker that somebody has stopped (SIGSTOP) between two functions has no
-- stamp and would hold what it has, or has been sent, for ever. Where there is
-- a limit it is in force for such workers, too.

local core = require "workerpool.core"
local errors = require "workerpool.errors"

local huge, max, min = math.huge, math.max, math.min

-- How the engine counts phases; see WP_IN_… in src/workerpool.h.
local IN_INIT, IN_TASK, IN_EXIT = 1, 3, 4
local SHORTEST = 0.001
local LOOK_FOR_STOPPED = 0.1 -- seconds: it costs a system call for each worker

local Clock = { __name = "workerpool.Clock" }
Clock.__index = Clock

---@param crew table
local function new(crew)
  local setup = crew.setup
  return setmetatable({
    crew = crew, late = {}, next_look = 0,
    is_running = setup.init_timeout ~= nil or setup.exit_timeout ~= nil,
    stopped = {}, -- since when, by worker
    next_look_for_stopped = 0,
  }, Clock)
end

--- Said by whoever brings a limit: until then nobody needs to look.
function Clock:start()
  self.is_running = true
  if self.is_watched then self:due() end
end

-- The shortest limit in force, or infinity.
function Clock:shortest()
  local setup = self.crew.setup
  local least = min(setup.init_timeout or huge, setup.exit_timeout or huge)
  for _, owner in pairs(self.crew.owners) do
    least = min(least, owner.task_timeout or huge)
  end
  return least
end

-- The limit of what worker w runs now, its name, and the task's tag.
function Clock:limit_of(w, phase)
  local crew = self.crew
  if phase == IN_INIT then return crew.setup.init_timeout, "worker_init" end
  if phase == IN_EXIT then return crew.setup.exit_timeout, "worker_exit" end
  if phase ~= IN_TASK then return nil end
  local tag = crew.engine:holding(w)
  local owner = tag and crew.owners[tag >> core.TAG_BITS]
  return owner and owner:limit_of(tag & core.TAG_INDEX), "task", tag
end

-- One that has died meanwhile is not late.
function Clock:end_late(w, late)
  if self.crew:kill(w) then self.late[w] = late end
end

-- As left, for a worker that is at no function: infinity, unless it has been
-- stopped. When it has been for too long, the task that it holds is late.
function Clock:left_if_stopped(w, now)
  if now < self.next_look_for_stopped then return huge end
  if not core.is_stopped(self.crew.engine:pid(w)) then
    self.stopped[w] = nil
    return huge
  end
  self.stopped[w] = self.stopped[w] or now
  local limit = self:shortest()
  local left = self.stopped[w] + limit - now
  if left <= 0 and not self.late[w] then
    local tag = self.crew.engine:holding(w)
    self:end_late(w, { what = tag and "task" or "nothing", limit = limit, tag = tag })
  end
  return max(left, SHORTEST)
end

-- Seconds until worker w is late; infinity when nothing limits it.
function Clock:left(w, now)
  local line = self.crew.engine:inspect(w)
  if line.started == 0 then return self:left_if_stopped(w, now) end
  local limit, what, tag = self:limit_of(w, line.phase)
  if not limit then return huge end
  local left = line.started + limit - now
  if left <= 0 and not self.late[w] then
    self:end_late(w, { what = what, limit = limit, tag = tag })
  end
  return max(left, SHORTEST)
end

-- Looks at all workers if it is time to; as due.
function Clock:look()
  local shortest = self:shortest()
  if shortest == huge then return nil end
  local now = core.now()
  -- A call that has come since may have a shorter limit than those before.
  self.next_look = min(self.next_look, now + shortest)
  if now >= self.next_look then
    local least = shortest
    self.crew:each_running(function(w) least = min(least, self:left(w, now)) end)
    self.next_look = now + least
    if now >= self.next_look_for_stopped then
      self.next_look_for_stopped = now + LOOK_FOR_STOPPED
    end
  end
  return max(min(self.next_look - now, shortest), 0)
end

--- Looks at all workers if it is time to; returns the seconds until the next
--- look, or nil when nothing has a limit. A host that sleeps in a loop of its
--- own is woken for it.
---@return number?
function Clock:due()
  if not self.is_running then return nil end
  local due = self:look()
  if self.is_watched and (due or self.has_alarm) then
    self.has_alarm = due ~= nil
    local ok, message = self.crew.engine:alarm(due)
    if not ok then error("pool: " .. message, 0) end
  end
  return due
end

--- Said by a host that is going to sleep in a loop of its own.
function Clock:watch()
  self.is_watched = true
  self:due()
end

--- Adds to a worker's ending what we know of it: that it was late, or that
--- the late task had just ended and another, innocent one was running.
function Clock:explain(w, ending, tag)
  local late = self.late[w]
  self.late[w], self.stopped[w] = nil, nil
  if not late then return end
  if late.what == "nothing" then
    ending.innocent = true
  elseif late.what == "task" and late.tag ~= tag then
    ending.innocent = true
  else
    ending.timeout, ending.what = late.limit, late.what
  end
end

--- The error for a worker that was late.
local function error_of(ending, fields)
  local what = ending.what
  if what == "task" and fields.task_index then what = "task " .. fields.task_index end
  fields.kind = "timeout"
  fields.message = ("%s timed out after %g seconds on worker %d")
    :format(what, ending.timeout, fields.worker_id)
  fields.signal, fields.exit_code = nil, nil
  return errors.new(fields)
end

return { new = new, error_of = error_of }
