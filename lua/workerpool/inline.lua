-- An engine without processes, for n_jobs = 0: the same methods as the one
-- in C (bind_engine.c), the same parcels, codec and worker, but everything
-- runs in the calling process when the host asks for the next event. Made
-- for debuggers and profilers; errors look as they do from a worker.

local core = require "workerpool.core"
local errors = require "workerpool.errors"
local fifo = require "workerpool.fifo"
local worker = require "workerpool.worker"

local LONGEST_SLEEP = 3600 -- seconds; a system takes no infinity

local Engine = { __name = "workerpool.inline" }
Engine.__index = Engine

local Link = {}
Link.__index = Link

-- ---- the worker's end -----------------------------------------------------

function Link:index() return 0 end
function Link:seed(seed) self._seed = seed end
function Link:traced() return self.engine:traced() end

-- Init and exit are measured as a whole.
function Link:phase(name, begins)
  self.engine:turn(begins and name or "input")
end

function Link:observe(codec, picture, tell)
  self.spare, self.picture, self.tell = codec, picture, tell
end
function Link:lifespan() end
function Link:max_memory() end
function Link:printed() return nil end
function Link:retired() return false end
function Link:job() return self.parcel.job end

function Link:stage()
  local stage, done, n_arguments = core.run_stage(self.options)
  return stage, (self.parcel.tag & core.TAG_INDEX) + done, n_arguments
end

function Link:arguments(codec)
  local _, done = core.run_stage(self.options)
  return core.task_arguments(codec, self.parcel.data, self.parcel.skip + done)
end

function Link:send(codec, kind, tag)
  local owner = self.parcel and self.parcel.tag & ~core.TAG_INDEX or 0
  self.engine:push {
    "message", kind = kind, tag = owner | (tag or 0), data = core.output(codec),
  }
end

-- math.random belongs to the caller here: its generator is given back in a
-- state that only its own draws could tell from the old one.
local function with_own_stream(seeded, f, ...)
  if not seeded then return f(...) end
  local a, b = math.random(0), math.random(0)
  local results = table.pack(f(...))
  math.randomseed(a, b)
  return table.unpack(results, 1, results.n)
end

-- What ends a worker's process is an error here, of a task that reads as there. Code
-- that was given os.exit before, or catches it, can tell the difference.
local Exit = {}

local function leave(code)
  if code == nil or code == true then code = 0 end
  code = code or 1
  error(setmetatable({
    exit_code = code, message = ("exit was called with status %s"):format(code),
  }, Exit), 0)
end

local Restoring = { __close = function(before) os.exit = before.exit end } -- luacheck: ignore 122

-- Until what this returns is closed there is a worker here, for code that wants to end it.
local function as_worker()
  local before = setmetatable({ exit = os.exit }, Restoring)
  os.exit = leave -- luacheck: ignore 122
  return before
end

local function crash_of(exit, described)
  described.exit_code, described.cause = exit.exit_code, nil
  return errors.crash(described)
end

-- Ctrl-C in a task is meant for the caller: left as it is, it is raised in
-- core.run, and ends the call.
local function describing(handler)
  return function(err, is_over)
    if errors.is_interrupt(err) then return err end
    if not is_over then return handler(err) end -- a frame less: it looks at the stack
    local described = handler(err, true)
    return debug.getmetatable(err) == Exit and crash_of(err, described) or described
  end
end

function Link:run(codec, handler, seeder, f, ...)
  local parcel = self.parcel
  local seeded = parcel.flags & core.FLAG_SEEDED ~= 0
  local began = core.now()
  self.engine:turn("work")
  self.options = {
    count = parcel.count, skip = parcel.skip, tag = parcel.tag & core.TAG_INDEX,
    stop_at_failure = parcel.flags & core.FLAG_STOP ~= 0,
    seed = seeded and self._seed or nil,
    figures = self.engine.account, spare = self.spare, picture = self.picture,
    traced = parcel.flags & core.FLAG_TRACED ~= 0,
  }
  local _ <close> = as_worker()
  local data, count, log = with_own_stream(seeded, core.run, codec, parcel.data, self.options,
    describing(handler), seeder, f, ...)
  self.engine:turn("input", count)
  if log then
    self.tell(parcel.tag & core.TAG_INDEX, count, began, core.now(), 0, 0, 0, 0, log)
  end
  self.engine.n_completed = self.engine.n_completed + count
  self.engine:push {
    "result", tag = parcel.tag, data = data, count = count, parcel = parcel,
    elapsed = core.now() - began,
  }
end

-- ---- the host's end ---------------------------------------------------------

---@param setup workerpool.Setup
function Engine.new(setup)
  return setmetatable({
    setup = setup, state = "absent", parcels = {}, first = 1, last = 0,
    events = fifo.new(), event = nil, is_unread = false, n_completed = 0,
    steps = 0, -- parcels that are being run: a task, or a finalizer then, may come back here
  }, Engine)
end

function Engine:push(event)
  self.events:put(event)
end

-- ---- figures ----------------------------------------------------------------

-- As engine:measure of the other: 0, 1 or, for a trace, 2.
function Engine:measure(level)
  self.level = level
  if level > 0 then self.account = self.account or core.figures() end
end

function Engine:figures()
  return self.account and self.account:read()
end

function Engine:traced()
  return self.level == 2 and self.launched or nil
end

-- What the worker does from now on; `count` tasks are over.
function Engine:turn(part, count)
  if not self.account then return end
  self.account:turn(part)
  if count then self.account:count(count) end
end

-- ---- life -------------------------------------------------------------------

function Engine:start()
  local _ <close> = as_worker()
  self:turn("start")
  self.launched = core.now()
  self.link = setmetatable({ engine = self }, Link)
  self.worker = worker.new(self.link, self.setup)
  self.state = "running"
  self:turn("input")
  if not self.worker:init() then self:leave() end
  return true
end

function Engine:leave()
  self:turn("none")
  self.state = "leaving"
  self:push { "exit" }
end

function Engine:alive() return self.state ~= "absent" and 1 or 0 end
function Engine:running() return self.state ~= "absent" end
function Engine:pid() return core.getpid() end
function Engine:alarm() return self end
function Engine:fileno() return nil, "a pool with n_jobs = 0 has no descriptor" end
function Engine:claimant() return nil end
function Engine:is_reading() return false, self.is_unread end
function Engine:release() self.is_unread = false end
function Engine:holding() return nil end
function Engine:noted() return 0 end
function Engine:set_output() end
function Engine:retire() end
function Engine:close() self.state, self.last, self.first = "absent", 0, 1 end
function Engine:announce(bytes) return bytes end
function Engine:completed() return self.n_completed end
function Engine:pending() return self.last - self.first + 1 end

function Engine:stop()
  if self.state == "running" then self.state = "stopping" end
end

function Engine:kill()
  if self.state == "running" or self.state == "stopping" then self:leave() end
  return true
end

function Engine:submit(job, codec, tag, count, flags)
  local data = core.output(codec)
  self.last = self.last + 1
  self.parcels[self.last] = {
    job = job, data = data, tag = tag, count = count, skip = 0, flags = flags or 0,
  }
  return self.last, #data
end

function Engine:cancel(ticket)
  if not self.parcels[ticket] then return false end
  self.parcels[ticket] = false
  return true
end

function Engine:abandon(low, high)
  for ticket = self.first, self.last do
    local parcel = self.parcels[ticket]
    if parcel and parcel.tag >= low and parcel.tag <= high then
      self.parcels[ticket] = false
    end
  end
  return {}
end

-- A parcel whose run is interrupted is the next one again.
local Step = {}
Step.__close = function(step, thrown)
  local engine = step.engine
  engine.steps = engine.steps - 1
  if thrown == nil then return end
  engine.parcels[step.ticket] = step.parcel
  engine.first = math.min(engine.first, step.ticket)
end

function Engine:run(parcel)
  local ticket = self.first
  local _ <close> = setmetatable({ engine = self, ticket = ticket, parcel = parcel }, Step)
  self.first, self.steps = ticket + 1, self.steps + 1
  self.parcels[ticket] = nil
  self.link.parcel = parcel
  self.worker:step(parcel.job)
end

-- Runs one parcel, or what a worker does when none is left. An end that was lost to
-- an interrupt is told again.
function Engine:work()
  if self.state == "leaving" then return self:push { "exit" } end
  if self.state == "absent" then return end
  while self.first <= self.last do
    local parcel = self.parcels[self.first]
    if parcel then return self:run(parcel) end
    self.parcels[self.first] = nil
    self.first = self.first + 1
  end
  if self.state == "stopping" then
    local _ <close> = as_worker()
    self.worker:exit()
    self:leave()
  end
end

function Engine:take(always)
  self.holds = self.holds or always
  self.held = nil
end

function Engine:settle()
  self.held, self.is_unread = nil, false
end

--- Waits where there is nothing to work for: a task is to be tried again later.
---@param seconds? number
function Engine:next(seconds)
  if self.is_unread then return "unread" end
  if self.held then return self:tell(self.held) end
  if not self:has_event() then self:work() end
  local event = self.events[self.events.first]
  if event then
    self.held = self.holds and event or nil -- before it is gone: Ctrl-C may come between
    self.events:pop()
    return self:tell(event)
  end
  if not seconds and self.steps > 0 then
    error("a finalizer or a task cannot wait for the task that it interrupts", 0)
  end
  if seconds and self.state == "running" then core.sleep(math.min(seconds, LONGEST_SLEEP)) end
  return "timeout"
end

function Engine:has_event()
  return self.events[self.events.first] ~= nil
end

--- What is here without working for it.
function Engine:more()
  if self.held or self.is_unread or self:has_event() then return self:next() end
  return "timeout"
end

function Engine:tell(event)
  self.event, self.is_unread = event, event[1] ~= "exit"
  if event[1] == "result" then
    return "result", 0, event.tag, 0, event.count, true, event.elapsed
  elseif event[1] == "message" then
    return "message", 0, event.tag, event.kind
  end
  self.state = "absent"
  return "exit", 0
end

function Engine:read(codec, base, lists, failures)
  local event = self.event
  local failed = core.read_results(codec, event.data, event.count, base, lists, failures)
  self.is_unread = self.is_unread and failed > 0
  return failed, #event.data
end

function Engine:values(codec)
  local data = self.event.data
  self.is_unread = false -- a text of ours, which stays
  return codec:decode(data)
end

function Engine:arguments(codec, index)
  local parcel = self.event.parcel
  return core.task_arguments(codec, parcel.data, parcel.skip + index)
end

function Engine:ending()
  return { pid = core.getpid(), phase = "idle", exit_code = 0 }
end

function Engine:inspect()
  return { completed = 0, phase = 2, started = 0, working = 0, waiting = 0 }
end

return Engine
