-- The apply family: single tasks, each with a result object of its own (async_result.lua).
--
-- Tasks go into the engine's shared queue at once, so workers begin and stay
-- busy while the host computes. What comes back is looked at when the host
-- next touches the pool: ready, wait, get, poll, or another apply.

local copies = require "workerpool.copies"
local core = require "workerpool.core"
local crash = require "workerpool.crash"
local errors = require "workerpool.errors"
local fifo = require "workerpool.fifo"
local snapshot = require "workerpool.snapshot"
local source = require "workerpool.source"

local unpack, pack = table.unpack, table.pack

local Queue = { __name = "workerpool.AsyncQueue", takes_events = true }
Queue.__index = Queue

function Queue.new(pool, crew)
  local self = setmetatable({
    pool = pool, crew = crew,
    pid = core.getpid(),
    tasks = {},    -- by id, until they are over
    pending = 0,
    handled = 0,   -- results that have come in
    overflow = fifo.new(), -- tasks that the engine had no room for
    lists = { {} }, failures = {},
  }, Queue)
  self.id = crew:enlist(self)
  crew:hold()
  return self
end

-- A task's function is sent by value, for upvalues may have changed since the
-- last time; the same bytes are the same job. A function that would give the
-- same bytes again need not be written: that costs half of a small task.
-- Nil when the pool has let go of us meanwhile. Raises where f cannot travel, as `title`
-- and at the `level`, as in error(); 0: no position.
function Queue:job_for(f, title, level)
  local crew, before = self.crew, self.job
  if before and before.f == f and before.settled and snapshot.is_unchanged(before.settled) then
    return before
  end
  -- What it closes over is looked at first: it may change while it is written.
  local job = { f = f, settled = type(f) == "function" and crew.setup.names:settled(f) or nil }
  job.bytes = crew:bytes_of(title, level > 0 and level + 1 or 0, f)
  return self:take_job(job)
end

-- A finalizer may have sent another function just now, so what a job was does not count.
function Queue:take_job(job)
  local crew, before = self.crew, self.job
  if crew.closed then return nil end
  local is_same = before and before.bytes == job.bytes
  job.handle = is_same and before.handle or crew:announce(job.bytes)
  self.job = job
  if before and not is_same then crew.engine:retire(before.handle) end
  return job
end

-- More than MOST_ARGUMENTS no stack takes: they are refused when they are sent.
local FEW_ARGUMENTS, MOST_ARGUMENTS = 250, 1000000

local function packed(args)
  if args == nil then return { n = 0 } end
  if type(args) ~= "table" or debug.getmetatable(args) then return pack(args) end
  local n = source.count_arguments(args)
  if n == 0 and source.is_record(args) then return pack(args) end
  if n <= FEW_ARGUMENTS then return pack(unpack(args, 1, n)) end
  return table.move(args, 1, math.min(n, MOST_ARGUMENTS), 1, { n = n })
end

--- Sends a task, and returns it: its `state` is false until it is over, then
--- "done" or "failed". Raises where the function cannot travel, as `title` and at
--- the `level`, as in error(). Nil when the pool has let go of us meanwhile: what is
--- made here may have a finalizer called, or what packs an upvalue.
function Queue:submit(f, args, opts, title, level)
  local pool, list, job = self.pool, packed(args), self:job_for(f, title, level + 1)
  local task = {
    id = 0, f = f, opts = opts, attempt = 1, ticket = false, state = false,
    job_bytes = job and job.bytes,
  }
  if pool.queue ~= self or not job then return nil end
  local id = pool.last_task_id + 1
  task.id, pool.last_task_id = id, id
  self.tasks[id] = task
  self.pending = self.pending + 1
  if opts.task_timeout then self:limit(opts.task_timeout) end
  if self:has_overflow() or not self:send(task, list, job) then self:put_off(task, list) end
  return task
end

-- The shortest limit of all tasks is what the clock goes by.
function Queue:limit(seconds)
  self.task_timeout = math.min(self.task_timeout or seconds, seconds)
  self.crew.clock:start()
end

local function flags_of(crew, opts)
  local flags = 0
  if opts.task_timeout then flags = flags | core.FLAG_TIMED end
  if crew.setup.seed then flags = flags | core.FLAG_SEEDED end
  if opts.on_output then flags = flags | core.FLAG_PRINTED end
  return flags
end

function Queue:refuse(task, err)
  err = errors.new { kind = "encode", message = errors.message_of(err), task_index = task.id }
  self:settle(task, nil, err)
end

-- False when the engine has no room. One that has been sent is read again from
-- its parcel when it is tried again. What packs its arguments, or a finalizer then,
-- may have ended it, or sent another function, whose job has taken the place of this.
function Queue:send(task, args, job)
  local crew = self.crew
  local written, err = core.write_tasks(crew.writer, { args }, 1, 1, false)
  if task.state then return true end
  if written == 0 then
    self:refuse(task, err)
    return true
  end
  if self.job ~= job then return self:send_again(task, args) end
  task.ticket = crew.engine:submit(job.handle, crew.writer, self.id << core.TAG_BITS | task.id, 1,
    flags_of(crew, task.opts), self.pool:target_of(self)) or false
  if task.ticket then task.args, task.job_bytes = nil, nil end
  return task.ticket ~= false
end

-- The job of a task that is tried again, or has waited for room.
function Queue:job_again(task)
  local bytes = task.job_bytes
  if not bytes then
    local job = self:job_for(task.f, nil, 0)
    task.job_bytes = job and job.bytes
    return job
  end
  local before = self.job
  return before and before.bytes == bytes and before or self:take_job { bytes = bytes }
end

-- The same, later: one that is tried again is sent with what its function has in its
-- upvalues by now, which may not travel.
function Queue:send_again(task, args)
  local ok, job = pcall(self.job_again, self, task)
  if ok and job then return self:send(task, args, job) end
  if errors.is_interrupt(job) then error(job, 0) end
  if not task.state then self:refuse(task, job) end
  return true
end

-- What waits for room is what it was when it was asked for: the caller may change it.
-- What is too deep for a copy is refused when it is sent.
function Queue:put_off(task, args)
  local ok, copy = pcall(copies.of, args)
  if not ok and errors.is_interrupt(copy) then error(copy, 0) end
  task.args = ok and copy or args
  self.overflow:put(task)
end

--- Sends what has waited for room, as far as there is some.
-- Those that are over have been cancelled meanwhile. A callback may come back
-- to here, so the first may be another when a task has been sent.
function Queue:send_overflow()
  local overflow = self.overflow
  while overflow[overflow.first] and not self.crew.closed do
    local task = overflow[overflow.first]
    if self.tasks[task.id] == task and not self:send_again(task, task.args) then return end
    if overflow[overflow.first] == task then overflow:pop() end
  end
end

function Queue:has_overflow()
  return self.overflow[self.overflow.first] ~= nil
end

-- ---- what comes back -------------------------------------------------------------

-- A task is over once: false when it has been before.
function Queue:book(task, values, err)
  if self.tasks[task.id] ~= task then return false end
  task.values, task.error = values, err
  task.state = values and "done" or "failed"
  self.handled = self.handled + 1
  self.pending = self.pending - 1
  self.tasks[task.id] = nil
  return true
end

local function call_back(task)
  local opts, values = task.opts, task.values
  if values and opts.callback then
    opts.callback(unpack(values, 1, values.n))
  elseif task.error and opts.error_callback then
    opts.error_callback(task.error)
  end
end

-- Callbacks are called by whoever looks at what comes in, maybe a map that has
-- nothing to do with them. What they raise is for the next poll, wait or get.
function Queue:protected(f, ...)
  local ok, err = pcall(f, ...)
  if ok then return end
  if errors.is_interrupt(err) then error(err, 0) end
  self.pool.raised:put { err }
end

function Queue:raise_deferred()
  local first = self.pool.raised:pop()
  if first then error(first[1], 0) end
end

-- Bookkeeping first, the user's code last: it may do anything with the pool,
-- and find each task as what it is.
function Queue:settle(task, values, err)
  if self:book(task, values, err) then self:protected(call_back, task) end
end

-- Calls what is to hear of the event at hand, which has been booked. What
-- interrupts us before it is taken (Ctrl-C, which a caller may catch, to go on)
-- has the event come again. Whoever waits, maybe a map, takes events: so what has
-- no room goes out here.
function Queue:conclude(task, is_over, output)
  self.crew:settle()
  self:send_overflow()
  if output then self:hear(task, output) end
  if is_over then self:protected(call_back, task) end
end

-- What the one result in the event at hand has left in the lists.
local function take_values(lists)
  local counts = lists.counts
  local n = counts and counts[1] or 1
  local values = { lists[1][1], n = n }
  lists[1][1] = nil
  for k = 2, n do values[k], lists[k][1] = lists[k][1], nil end
  if counts then counts[1] = nil end
  return values
end

-- The values of the event at hand, the error, if it is one, and with what it can be
-- tried again.
function Queue:read_result(task, id, w)
  -- A finalizer may have another result read as soon as this one has been.
  local lists = self.lists or { {} }
  self.lists = nil
  self.crew.engine:read(self.crew.reader, 1, lists, self.failures)
  local err = self.failures[1]
  self.failures[1] = nil
  local values = take_values(lists)
  self.lists = lists
  if err == nil then return values end
  local args = task and task.opts.retries > 0 and self.crew:arguments_at(0) or nil
  self.crew:release()
  return nil, errors.from(err, id, w), args
end

function Queue:result(id, _, count, _, _, w)
  if count == 0 then return self.crew:settle() end
  local task = self.tasks[id]
  local attempt = task and task.attempt
  local values, err, args = self:read_result(task, id, w)
  -- Or this one, which comes again until it is settled.
  if self.tasks[id] ~= task or task and task.attempt ~= attempt then return end
  if not task then return self.crew:settle() end
  if values then return self:conclude(task, self:book(task, values)) end
  self:conclude(task, self:failed(task, err, args))
end

local function cancelled(id)
  return errors.new { kind = "cancelled", message = "the task was cancelled", task_index = id }
end

-- `args`: what it can be tried again with, if it can. Is it over now?
function Queue:failed(task, err, args)
  err.attempt = task.attempt
  if task.cancelled then
    err = cancelled(task.id)
  elseif args and task.attempt <= task.opts.retries then
    task.attempt = task.attempt + 1
    if not self:send_again(task, args) then self:put_off(task, args) end
    return false
  end
  return self:book(task, nil, err)
end

-- A task whose worker was killed for another's sake goes to the next one, maybe
-- later. False when nobody can read what it was to be called with.
function Queue:pass_on(task, first, count)
  task.ticket = self.crew.engine:again(first, count) or false
  if task.ticket then return true end
  local args = self.crew:arguments_at(first)
  if args then self:put_off(task, args) end
  return args ~= nil
end

function Queue:lost(index, first, count, ending, w)
  local task = self.tasks[index + first]
  if not task then return self.crew:settle() end
  if ending.innocent and not task.cancelled and self:pass_on(task, first, count) then
    return self.crew:settle()
  end
  local args, attempt = self.crew:arguments_at(first), task.attempt
  self.crew:release()
  local err = crash.of(ending, w, {
    task_index = task.id, args = args and errors.preview(args) or nil,
  })
  if task.state or task.attempt ~= attempt then return end
  self:conclude(task, self:failed(task, err, args), ending.output)
end

function Queue.message() end

function Queue:hear(task, text)
  if task.opts.on_output then self:protected(task.opts.on_output, task.id, text) end
end

function Queue:printed(id, text)
  local task = self.tasks[id]
  if task then self:hear(task, text) end
end

function Queue:limit_of(id)
  local task = self.tasks[id]
  return task and task.opts.task_timeout
end

--- Ends all tasks with an error; returns them, for `tell`.
---@return table[]
function Queue:end_all(err)
  local ended = {}
  for _, task in pairs(self.tasks) do ended[#ended + 1] = task end
  table.sort(ended, function(a, b) return a.id < b.id end)
  self.overflow = fifo.new()
  local told = {}
  for _, task in ipairs(ended) do
    if self:book(task, nil, err) then told[#told + 1] = task end
  end
  return told
end

--- Calls the callbacks of tasks that have been ended.
---@param ended table[]
function Queue:tell(ended)
  for _, task in ipairs(ended) do self:protected(call_back, task) end
end

-- A worker's init failed, or workers cannot live: nothing queued will run.
function Queue:fail(err)
  self:tell(self:end_all(err))
end

function Queue:cancel(task)
  local engine = self.crew.engine
  if not task.ticket or engine:cancel(task.ticket) then
    self:settle(task, nil, cancelled(task.id))
    return true
  end
  local w = engine:claimant(task.ticket)
  if not w then return false end
  task.cancelled = true
  self.crew:kill(w)
  self:wait_for(task)
  return task.state == "failed" -- its result may have been on its way
end

-- ---- waiting ------------------------------------------------------------------------

--- Makes room when more has been sent than the engine takes.
function Queue:relieve()
  if self:has_overflow() and not self.crew:is_occupied() then self:protected(self.poll, self, 0) end
end

--- Handles what has come in, for at most `seconds`; returns the number of
--- results. Never more than there are tasks now: callbacks may send others.
function Queue:poll(seconds)
  self.crew:check_waiting()
  self:raise_deferred()
  self:send_overflow()
  local before, deadline = self.handled, core.now() + (seconds or 0)
  local most = before + math.max(self.pending, 1)
  while self.handled < most and not self.crew.closed
    and self.crew:pump(math.max(deadline - core.now(), 0)) do
    self:raise_deferred()
    if core.now() >= deadline and (seconds or 0) > 0 then break end
  end
  return self.handled - before
end

--- Waits until condition() is true; false when time is up.
function Queue:wait(condition, timeout)
  self.crew:check_waiting()
  local deadline = timeout and core.now() + timeout
  while not condition() do
    self:raise_deferred()
    if self.crew.closed then
      -- An interrupt has cut short what ended the workers: nobody could do what remains.
      self:tell(self:end_all(errors.terminated()))
      return condition()
    end
    local left = deadline and deadline - core.now()
    if left and left <= 0 then return false end
    self.crew:revive()
    local had_overflow = self:has_overflow()
    if had_overflow then self:send_overflow() end
    -- A task that could not be sent is over.
    if not (had_overflow and condition()) then self.crew:pump(left) end
    self:raise_deferred()
  end
  return true
end

function Queue:wait_for(task, timeout)
  if task.state then return true end
  return self:wait(function() return task.state ~= false end, timeout)
end

--- What a task has returned, or raises what it has raised; a timeout error
--- when time is up.
function Queue:get(task, timeout)
  if not self:wait_for(task, timeout) then
    error(errors.new {
      kind = "timeout", task_index = task.id,
      message = ("task %d is not ready after %g seconds"):format(task.id, timeout),
    }, 0)
  end
  if task.state ~= "done" then error(task.error, 0) end
  return unpack(task.values, 1, task.values.n)
end

return { Queue = Queue }
