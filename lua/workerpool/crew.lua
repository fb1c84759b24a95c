-- The crew: an engine and its workers, as one pool has them at a time. It
-- starts and stops workers, takes events from the engine's one door and
-- hands them to the calls that they belong to.
--
-- A parcel's tag is (owner << 40 | task index), so an event tells whose it
-- is. An owner is a map call under way (map.lua) or the apply queue
-- (async.lua), an object with the methods
--   result(index, first, count, last, elapsed, worker)
--   lost(index, first, count, ending, worker)
--   message(index, values...)      fail(err)      printed(index, text)
--   limit_of(index) -> seconds that this task may run, or nil
-- and, if it calls take() itself when it is done with an event, takes_events.

local clock = require "workerpool.clock"
local core = require "workerpool.core"
local crash = require "workerpool.crash"
local errors = require "workerpool.errors"
local FalseStarts = require "workerpool.false_starts"
local Inline = require "workerpool.inline"
local leaving = require "workerpool.leaving"
local occupied = require "workerpool.occupied"
local oom = require "workerpool.oom"
local output = require "workerpool.output"
local start = require "workerpool.start"
local worker = require "workerpool.worker"

local TAG_BITS, TAG_INDEX = core.TAG_BITS, core.TAG_INDEX
local MESSAGES = worker.MESSAGES

local MOST_OWNERS = (1 << 63 - TAG_BITS) - 1
local STARTING = 0 -- see WP_IN_… in src/workerpool.h

-- What may help when there is no worker, by the system's word: -ECHILD, -ETIMEDOUT,
-- -EAGAIN, -ENOMEM.
local CURES = {
  [-10] = " (the forkserver ends as often as it is started; see what it wrote to "
    .. "standard error)",
  [-110] = " (" .. crash.STRANGE .. ")",
  [-11] = " (there are as many processes as ulimit -u, or a control group's pids.max, allows: "
    .. "use fewer workers)",
  [-12] = " (there is no memory for a copy of this process: start_method = 'forkserver' "
    .. "copies a small one)",
}
local RETRY_SECONDS = 0.25 -- until a worker that could not be replaced is tried again

local Crew = { __name = "workerpool.Crew" }
Crew.__index = Crew
leaving.extend(Crew)
occupied.extend(Crew)

-- A fork copies one thread; locks that others hold stay locked in the copy.
local has_warned = false
local function warn_of_threads()
  local n = core.threads()
  if n == 1 or has_warned then return end
  has_warned = true
  io.stderr:write(("workerpool: this process has %d threads, of which a fork copies one; "
    .. "start_method = 'forkserver' or 'spawn' is safe\n"):format(n))
end

local function open_engine(n_jobs, setup, level)
  if n_jobs == 0 then return Inline.new(setup) end
  if setup.start_method == "fork" then warn_of_threads() end
  local function main(link) return worker.main(link, setup) end
  local engine, message = core.engine(n_jobs, main, start.words(setup.start_method))
  if not engine then error("cannot open a pool: " .. message, 0) end
  if setup.start_method ~= "fork" then
    local ok
    ok, message = engine:set_setup(start.encoded(setup, level + 1))
    if not ok then error("cannot open a pool: " .. message, 0) end
  end
  return engine
end

---@param n_jobs integer
---@param setup workerpool.Setup
---@param level integer of whom to blame when it cannot travel, as in error()
function Crew.new(n_jobs, setup, level)
  oom.watch()
  local self = setmetatable({
    -- Made first: workers are to have what is made after their start, too.
    heap = core.shared_lease(),
    engine = open_engine(n_jobs, setup, level + 1),
    setup = setup,
    size = n_jobs,
    owners = setmetatable({}, { __mode = "v" }),
    last_owner = 0,    -- the number that was given last
    expected = {},     -- workers whose end we asked for: "left" or "killed"
    missing = {},      -- workers that could not be replaced: when to try again
    false_starts = FalseStarts.new(),
    wanted = 0,        -- workers that there should be
    hopeless = false,  -- workers cannot start: none is to be tried again
    broken = false,    -- the engine cannot tell us anything any more
    exit_results = {}, -- in the order in which workers ended; the pool's
    relay = output.new(setup),
    reader = core.codec(setup.names),
    writer = core.codec(setup.names),
  }, Crew)
  self.clock = clock.new(self)
  self:expect_bar(setup.keep_alive)
  return self
end

-- Workers that start from now on leave the terminal to the host, if need be.
function Crew:expect_bar(has_bar)
  self.engine:set_output(self.relay:mode(has_bar))
end

-- ---- workers ----------------------------------------------------------------

-- To freeze is to collect, and a finalizer may start workers, too, or have us closed.
function Crew:freeze()
  local frozen = core.freeze(not self.has_started)
  self.has_started = true
  if not (self.frozen or self.closed) then
    self.frozen = frozen
  elseif frozen then
    core.thaw()
  end
end

function Crew:launch(w)
  if self.setup.start_method == "fork" and not self.frozen then self:freeze() end
  -- A finalizer may have asked for it, too.
  if self.closed or self.engine:running(w) then return true end
  local ok, message, status = self.engine:start(w)
  if ok then
    self.expected[w] = nil
    self.false_starts:started(w)
  end
  return ok, message, status
end

function Crew:start(w)
  local ok, message, status = self:launch(w)
  if not ok then
    error(("cannot start worker %d: %s%s"):format(w, message, CURES[status] or ""), 0)
  end
end

-- A dead worker has a successor as long as somebody may want it.
function Crew:wants(w)
  return w < self.wanted and next(self.owners) ~= nil and not self.engine:running(w)
    and not (self.closed or self.closing or self.hopeless or self.leaving)
end

-- As long as there are others, a worker that cannot be replaced now is when it
-- can: a system that is short of something need not stay so.
function Crew:start_soon(w)
  if self.engine:alive() == 0 then return self:start(w) end
  if not self:launch(w) then self.missing[w] = core.now() + RETRY_SECONDS end
end

function Crew:start_missing()
  for w, due in pairs(self.missing) do
    if not self:wants(w) then
      self.missing[w] = nil
    elseif core.now() >= due then
      self:start_soon(w)
    end
  end
end

-- Makes sure that the first n workers live.
function Crew:ensure(n)
  while self:pump(0) do end -- deaths that nobody has looked at yet
  self.wanted = math.max(n, 1, self.wanted)
  for w = 0, self.wanted - 1 do
    if not self.engine:running(w) then self:start(w) end
  end
end

-- The same, and looks at no event: for whoever is about to send something.
function Crew:want(n)
  for w = self.wanted, n - 1 do
    self.wanted = w + 1
    if not self.engine:running(w) then self:start(w) end
  end
end

function Crew:each_running(f)
  for w = 0, math.max(self.size, 1) - 1 do
    if self.engine:running(w) then f(w) end
  end
end

-- ---- owners ------------------------------------------------------------------

--- Numbers come again when all have been used: a crew that is kept alive may see
--- more calls than a tag has numbers for.
function Crew:enlist(owner)
  local id = self.last_owner
  repeat id = id % MOST_OWNERS + 1 until not self.owners[id]
  self.owners[id], self.last_owner = owner, id
  return id
end

function Crew:delist(id)
  self.owners[id] = nil
end

-- Cancels what an owner has queued, kills the workers that are at its tasks.
function Crew:abandon(id)
  self:delist(id)
  for _, w in ipairs(self.engine:abandon(id << TAG_BITS, id << TAG_BITS | TAG_INDEX)) do
    self:kill(w)
  end
end

--- A function as bytes, with what else belongs to it. Raises where it cannot travel.
---@param title string? what to call the call in the message
---@param level integer as in error() here; 0: no position
---@param f function
---@param lifespan? integer tasks after which a worker is replaced
---@return string
function Crew:bytes_of(title, level, f, lifespan)
  local ok, err = pcall(core.write, self.writer, "function", f, lifespan)
  if ok then return core.output(self.writer) end
  local path = type(err) == "string" and err:match("^cannot send function%[1%](.*)$")
  if not path then error(err, 0) end
  err = "cannot send function" .. path
  error(title and title .. ": " .. err or err, level)
end

---@param bytes string
---@return lightuserdata job
function Crew:announce(bytes)
  local job, message = self.engine:announce(bytes)
  if not job then error("cannot announce the function: " .. message, 0) end
  return job
end

--- The arguments of the task at `offset` in the parcel of the event at hand,
--- packed, or nil when they cannot be read here. To be called before code of the
--- user's, which may wait for another event.
---@param offset integer from 0
---@return table?
function Crew:arguments_at(offset)
  local read = table.pack(pcall(self.engine.arguments, self.engine, self.reader, offset))
  if errors.is_interrupt(read[2]) then error(read[2], 0) end
  return read[1] and table.pack(table.unpack(read, 2, read.n)) or nil
end

-- ---- events -------------------------------------------------------------------

--- From now on an event comes again until it is taken: an owner whose caller
--- may be interrupted and go on must not miss one.
function Crew:hold()
  self.holds = true
  self.engine:take(true)
end

--- The event at hand has been dealt with. Called before code of the user's.
function Crew:take()
  if self.holds then self.engine:take() end
end

--- Nobody reads the event at hand any more, so what it takes up is free for what
--- is sent next: it is in a processor's cache yet.
function Crew:settle()
  self.engine:settle()
end

function Crew:take_for(owner)
  if self.holds and not (owner and owner.takes_events) then self.engine:take() end
end

function Crew:tell_all(err)
  for _, owner in pairs(self.owners) do owner:fail(err) end
end

-- Workers cannot be started. A call that has all its results by now has ended
-- and is told when the crew leaves.
function Crew:give_up(err)
  self.hopeless = true
  if not next(self.owners) then self.phase_error = self.phase_error or err end
  self:tell_all(err)
end

local on_message = {}

on_message[MESSAGES.emit] = function(self, _, tag)
  local owner = self.owners[tag >> TAG_BITS]
  if owner then owner:message(tag & TAG_INDEX, self.engine:values(self.reader)) end
end

on_message[MESSAGES.printed] = function(self, _, tag)
  local owner = self.owners[tag >> TAG_BITS]
  if owner then owner:printed(tag & TAG_INDEX, self.engine:values(self.reader)) end
end

on_message[MESSAGES.init_failed] = function(self, w)
  self.expected[w] = "left"
  self:give_up((self.engine:values(self.reader)))
end

on_message[MESSAGES.exit_failed] = function(self)
  local err = self.engine:values(self.reader)
  self.phase_error = self.phase_error or err
end

on_message[MESSAGES.retired] = function(self, w)
  self.expected[w] = "left"
end

on_message[MESSAGES.trace] = function(self, w, tag)
  local values = table.pack(self.engine:values(self.reader))
  if self.trace then self.trace:worker_did(w, tag & TAG_INDEX, values) end
end

on_message[MESSAGES.exited] = function(self)
  local results = table.pack(self.engine:values(self.reader))
  local list = self.exit_results
  list[#list + 1] = results.n > 1 and results or results[1]
end

local SIGKILL = 9

-- We have killed it for the sake of one task, which may have been over just then:
-- another one, that it had begun, is not to blame.
function Crew:absolve(expected, ending)
  if expected == "killed" and ending.signal == SIGKILL and not ending.timeout then
    ending.innocent = true
  end
end

local on_event = {}

function on_event.result(self, w, tag, first, count, last, elapsed)
  local owner = self.owners[tag >> TAG_BITS]
  self.false_starts:forget()
  if self.holds then self:take_for(owner) end
  if not owner then return self:release() end
  owner:result(tag & TAG_INDEX, first, count, last, elapsed, w)
end

function on_event.output(self, w, stream, text, tag)
  self:take()
  self.relay:take(w, stream, text, tag)
end

function on_event.message(self, w, tag, kind)
  local handle = on_message[kind]
  self:take()
  if handle then handle(self, w, tag) end
  self:release()
end

function Crew:has_sound_worker()
  local found = false
  self:each_running(function(w)
    found = found or self.engine:inspect(w).phase ~= STARTING
  end)
  return found
end

function Crew:bury_idle(w, ending)
  if ending.innocent or self.closing then return end
  if ending.phase == "exit" then
    self.phase_error = self.phase_error or crash.of(ending, w)
    return
  end
  -- Somebody killed it between two tasks, or behind the last result of one: it
  -- can be replaced.
  if ending.phase ~= "start" and ending.phase ~= "init" then return end
  -- Where nobody knows how it ended, that may have been its server's end, and no
  -- fault of worker_init.
  local enough = ending.strange
    or self.false_starts:is_enough(w, ending, self:has_sound_worker())
  if enough or ending.phase == "init" and FalseStarts.is_known(ending) then
    self:give_up(crash.of(ending, w))
  end
end

function on_event.exit(self, w, tag, first, count)
  local ending = self.engine:ending()
  if self.closed then return end
  local expected = self.expected[w]
  self.expected[w] = nil
  self.clock:explain(w, ending, tag and tag + first)
  self:absolve(expected, ending)
  ending.in_phase = (ending.phase == "exit" or ending.phase == "init")
    and self.engine:inspect(w).started ~= 0
  self.relay:finish(w)
  if ending.phase ~= "start" and ending.phase ~= "init" then self.false_starts:forget() end
  local owner = tag and self.owners[tag >> TAG_BITS]
  self:take_for(owner)
  -- Code of the caller's may wait for what only its successor can do.
  self.missing[w] = 0
  if owner then
    owner:lost(tag & TAG_INDEX, first, count, ending, w)
  elseif not expected or ending.timeout or ending.in_phase then
    self:release()
    self:bury_idle(w, ending)
  end
  self:settle()
  self:start_missing()
end

-- Whoever waits for a task needs a worker: one may be missing when the event of
-- another's death was broken off, or it could not be replaced just then.
function Crew:revive()
  if self.engine:alive() > 0 or self.closed or self.closing or self.hopeless then return end
  for w = 0, self.wanted - 1 do
    self:start(w)
    if self.leaving then self:dismiss(w) end
  end
end

--- Handles one event. Waits for it as long as `seconds` says (nil: until
--- there is one); false when there was none.
---@param seconds? number
---@return boolean
function Crew:pump(seconds)
  local deadline = seconds and core.now() + seconds
  repeat
    if next(self.missing) then self:start_missing() end
    local left, due = deadline and math.max(deadline - core.now(), 0), self.clock:due()
    if due and (not left or due < left) then left = due end
    if self:dispatch(self.engine:next(left)) then return true end
  until self.closed or self.broken or self.engine:alive() == 0
    or (deadline and core.now() >= deadline)
  return false
end

--- Handles an event that is here already; false when there seems to be none.
---@return boolean
function Crew:more()
  return self:dispatch(self.engine:more())
end

function Crew:dispatch(kind, ...)
  local handle = on_event[kind]
  if handle then
    handle(self, ...)
    return true
  elseif kind == nil then
    self.broken, self.hopeless = true, true
    if not self.closing then error("pool: " .. tostring((...)), 0) end
  elseif kind == "unread" then
    self:check_unread()
    self:release()
    return self:more()
  end
  return false
end

return Crew
