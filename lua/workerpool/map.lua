-- One call of the map family under way: feeds chunks to the crew, keeps as
-- many in flight as keep the workers busy, and takes results back.
--
-- How results are kept differs: map writes them into lists at once, the
-- iterators keep chunks until they are asked for. That part is a sink
-- (sinks.lua); everything else is here.

local core = require "workerpool.core"
local crash = require "workerpool.crash"
local errors = require "workerpool.errors"
local failures = require "workerpool.failures"
local flow = require "workerpool.flow"
local progress = require "workerpool.progress"
local waiting = require "workerpool.waiting"

local max, min = math.max, math.min
local write_range, write_tasks = core.write_range, core.write_tasks
local TAG_BITS, TAG_INDEX = core.TAG_BITS, core.TAG_INDEX

-- The engine counts the tasks of a parcel in 32 bits.
local MOST_IN_CHUNK = 2 ^ 31 | 0

-- What has to be done whatever interrupts the rest of an end. Made ahead: there
-- may be no memory then.
local Ending = { __close = function(ending) ending.run.pool:after_run(ending.run, false) end }

local Run = { __name = "workerpool.Run" }
Run.__index = Run
failures.extend(Run)
flow.extend(Run)

-- A run that has no crew yet: see take_crew.
---@param pool table
---@param plan table the call: title, f, source and checked options
---@param sink table
function Run.new(pool, plan, sink)
  local opts, source = plan.options, plan.source
  local self = setmetatable({
    pool = pool, source = source, opts = opts, sink = sink,
    title = plan.title,
    n_workers = max(pool.n_jobs, 1),
    next_index = 1,    -- of the next task to be sent
    in_flight = 0,     -- parcels sent whose results are not all here
    active = 0,        -- tasks sent and not yet handed to the caller
    completed = 0,     -- tasks whose results are here
    open_chunks = 0,   -- results here, not yet handed to the caller
    waiting = waiting.new(), -- tasks that are to be tried again
    attempts = {},     -- by task that is tried again: how often it has been tried
    failed = 0,        -- tasks that have failed for good
    repeated = 0,      -- tasks that were completed, but are tried again
    failures = {},
    ending = setmetatable({}, Ending),
  }, Run)
  self.ending.run = self
  self:begin_flow()
  self.has_places = pool.opts.order_tasks and pool.n_jobs > 0
  self.task_timeout = opts.task_timeout
  return self
end

--- Says whose it is before any code of the caller's is called, and nothing is made
--- before: a crew with a call is let go of by nobody.
function Run:take_crew(crew)
  self.crew, self.pool.run = crew, self
  self.id = crew:enlist(self)
end

--- Announces the call's function, and starts its bar and clock.
---@param f function
---@param level integer as in error(), for a function that cannot travel
function Run:begin(f, level)
  local crew, opts, length = self.crew, self.opts, self.source.length
  self.flags = self:parcel_flags()
  if self.task_timeout then crew.clock:start() end
  self.began = core.now()
  self.completed_before = crew.engine:completed()
  self.bar = progress.open(opts.progress_bar, length, opts.progress_bar_options)
  self.job = crew:announce(crew:bytes_of(self.title, level + 1, f, opts.worker_lifespan))
  self.tick = opts.progress_bar and max(opts.progress_bar_options.mininterval, 0.02) or nil
end

function Run:parcel_flags()
  local flags = 0
  if self.opts.on_error == "raise" and self.opts.retries == 0 then
    flags = flags | core.FLAG_STOP
  end
  if self.crew.setup.seed then flags = flags | core.FLAG_SEEDED end
  if self.opts.task_timeout then flags = flags | core.FLAG_TIMED end
  if self.opts.on_output then flags = flags | core.FLAG_PRINTED end
  return flags
end

-- ---- out ----------------------------------------------------------------------

-- The pool may have been ended by the body of the caller's loop, by the
-- iterator, or by any function of the caller's that we have called.
function Run:check_going()
  if not self.over then return end
  error(errors.new {
    kind = "cancelled", message = self.title .. ": the pool was ended while the call was running",
  }, 0)
end

-- The worker that the next parcel has to go to. There may be more parcels than
-- chunks that workers were started for: when a task is tried again, or cannot be
-- sent and leaves its chunk in two parts.
function Run:next_place()
  local target = self.pool:target_of(self)
  if target then self.crew:want(target + 1) end
  return target
end

-- Before the crew's writer is written to: this may start a worker, and a finalizer
-- may then write to it what it sends.
function Run:take_place()
  if self.has_places and not self.place then self.place = self:next_place() end
end

-- Sends what the crew's writer holds.
function Run:submit(index, count)
  local crew, target = self.crew, self.place
  if self.over then self:check_going() end
  self.place = nil
  local ticket, bytes, status = crew.engine:submit(self.job, crew.writer,
    self.id << TAG_BITS | index, count, self.flags, target)
  if not ticket then
    error(("%s: cannot send a chunk: %s (%s)"):format(self.title, bytes, status), 0)
  end
  self.in_flight = self.in_flight + 1
  bytes = bytes / count
  if bytes ~= self.argument_bytes then self:note_sent(bytes) end
end

function Run:claim_indices(count)
  local index = self.next_index
  if index + count > TAG_INDEX + 1 then
    error(("%s: a call takes %d tasks at most"):format(self.title, TAG_INDEX), 0)
  end
  self.next_index = index + count
  self.active = self.active + count
  return index
end

function Run:send_range(want)
  local value, step, count = self.source:take_range(want)
  if count == 0 then return 0 end
  self:take_place()
  write_range(self.crew.writer, value, step)
  self:submit(self:claim_indices(count), count)
  return count
end

-- An element that cannot travel fails as a task; those around it go out.
function Run:send_list(list, first, count)
  local done = 0
  while done < count do
    self:take_place()
    local written, err = write_tasks(self.crew.writer, list, first + done,
      count - done, self.source.single)
    if written > 0 then self:submit(self:claim_indices(written), written) end
    done = done + written
    if done < count then
      self:fail_to_send(self:claim_indices(1), err)
      done = done + 1
    end
  end
end

function Run:fail_to_send(index, err)
  local failure = errors.new {
    kind = "encode", message = errors.message_of(err), task_index = index,
  }
  self:settle_alone(index, failure)
end

-- Sends the next chunk; returns its tasks, 0 when none is left.
function Run:send_chunk(room)
  local source, want = self.source, self:next_size()
  if want > room then want = room end
  if want > MOST_IN_CHUNK then want = MOST_IN_CHUNK end
  if source.kind == "range" then return self:send_range(want) end
  local list, first, count = source:take(want)
  self:send_list(list, first, count)
  return count
end

-- A task that is tried again goes alone.
function Run:send_waiting()
  local task = self.waiting[1]
  if not task or task.due > core.now() then return false end
  self.waiting:pop()
  local list = { task.args }
  self:take_place()
  write_tasks(self.crew.writer, list, 1, 1, false)
  self:submit(task.index, 1)
  return true
end

function Run:feed()
  if self.error then return end
  -- The window may be full of results that wait for these very tasks.
  while self.waiting[1] and not self:is_full() and self:send_waiting() do end
  if not self.fed then self:send_chunks(self:room()) end
end

function Run:send_chunks(chunks, tasks)
  while chunks > 0 and tasks > 0 and not self.error and not self.over do
    local sent = self.source:exhausted() and 0 or self:send_chunk(tasks)
    if sent == 0 then
      self.fed = true
      return
    end
    chunks, tasks = chunks - 1, tasks - sent
    -- The user's code may have sent other tasks meanwhile.
    if not self.source.is_plain or self:is_heavy() then chunks, tasks = self:room() end
  end
end

-- ---- back ---------------------------------------------------------------------

-- A lazy sink counts a task as active until the caller has it.
function Run:note_done(count)
  self.completed = self.completed + count
  if not self.sink.lazy then self.active = self.active - count end
end

--- A result event: `count` tasks of a parcel that begins with task
--- `tag_index`, from the one with the offset `first` on.
function Run:result(tag_index, first, count, last, elapsed, w)
  if count > 0 then
    self:note_done(count)
    local failed = self.sink:read(self, tag_index + first, count)
    if failed > 0 then
      self:settle_failures(tag_index, first, count, w)
    elseif count == 1 then
      self.attempts[tag_index + first] = nil
    end
  else
    self.crew:release()
  end
  if not last then return end
  self.in_flight = self.in_flight - 1
  self:adapt(max(first + count, 1), elapsed)
end

-- Tasks of the parcel at hand that had not begun go to another worker.
function Run:pass_on(first, count)
  local ticket, message = self.crew.engine:again(first, count)
  if ticket then return end
  self.in_flight = self.in_flight - 1
  self:fail(("%s: cannot send a chunk: %s"):format(self.title, message))
end

--- A worker died with a parcel of ours. Only the task that ran is blamed;
--- what had not begun goes to another worker. That is seen to first: a finalizer may
--- end the call at any time.
function Run:lost(tag_index, first, count, ending, w)
  local index = tag_index + first
  if ending.innocent then return self:pass_on(first, count) end
  local args = self.crew:arguments_at(first)
  if self.over then return end
  if count > 1 then
    self:pass_on(first + 1, count - 1)
  else
    self.in_flight = self.in_flight - 1
  end
  self.crew:release()
  local err = crash.of(ending, w, {
    task_index = index, attempt = self:attempt_of(index),
    args = args and errors.preview(args) or nil,
  })
  if ending.output then self:printed(index, ending.output) end
  self:note_done(1)
  self:decide(index, err, args)
end

function Run:limit_of() return self.task_timeout end

function Run:message(index, ...)
  local handle = self.opts.on_message
  if handle then self:ask(handle, index, ...) end
end

--- What a task has printed.
function Run:printed(index, text)
  local handle = self.opts.on_output
  if handle then self:ask(handle, index, text) end
end

-- ---- the loop -------------------------------------------------------------------

function Run:is_done()
  return self.fed and self.in_flight == 0 and self.waiting.n == 0
end

-- How long to wait for an event: until a task is due to be tried again, for which
-- there has to be room, or the bar is to be drawn.
function Run:patience()
  local task = not self:is_full() and self.waiting[1]
  local due = task and max(task.due - core.now(), 0)
  return due and self.tick and min(due, self.tick) or due or self.tick
end

-- What workers have done counts, also where the caller has not looked at it
-- yet; but never less than what the caller has seen, nor a task twice.
function Run:done()
  local total = self.source.length or self.next_index - 1
  local worked = self.crew.engine:completed() - self.completed_before - self.repeated
  return min(max(worked, self.completed), total)
end

-- What workers print while a bar is on the terminal goes above it.
function Run:print_above_bar()
  if self.bar.is_on_terminal then self.crew.relay.bar = self.bar end
end

function Run:show()
  if not self.tick then return end
  self.bar:update {
    done = self:done(), total = self.source.length, failed = self.failed,
    elapsed = core.now() - self.began,
  }
end

-- Once, also where the caller's code, which may be told, raises or comes back here.
function Run:close_bar(reason)
  if not self.tick then return end
  self.tick = nil
  -- What was printed before the last result belongs above the bar, too.
  if not reason and self.bar.is_on_terminal then
    while self.crew:pump(0) do end
  end
  self.crew.relay.bar = nil
  self.bar:update {
    done = reason and self:done() or self.completed, total = self.source.length,
    failed = self.failed, elapsed = core.now() - self.began,
  }
  progress.reach(self.crew.engine:noted())
  self.bar:close(reason)
end

-- One look at all else is enough for many events; but before workers run dry
-- more is to be sent, and what comes after the last result is not for us.
function Run:take_what_is_here()
  local crew = self.crew
  for _ = 2, self.depth // 2 do
    if self.over or self.error or self.in_flight == 0 or not crew:more() then return end
  end
end

--- Sends what there is room for and waits for an event. False at the end.
function Run:step()
  if self.next_index == 1 then
    self:print_above_bar()
    self:show()
  end
  self:check_going()
  local sent = self.next_index
  self:feed()
  self:check_going()
  if self.error then self:abandon(self.error) end
  if self:is_done() then return false end
  -- Of tasks that could not be sent, none of this call's, nothing will come.
  if self.in_flight > 0 or self.next_index == sent then
    self.crew:pump(self:patience())
    self:take_what_is_here()
    self:check_going()
  end
  self:show()
  self:check_going()
  -- What has come before an error is handed out before it.
  if self.error and not self.sink.lazy then self:abandon(self.error) end
  return true
end

function Run:retire()
  local job = self.job
  self.job = nil
  if job then self.crew.engine:retire(job) end
end

--- A normal end.
function Run:finish()
  if self.over then return end
  self:close_bar()
  self:check_going()
  local _ <close> = self.ending
  self.over = true
  self.crew:delist(self.id)
  self:retire()
  return self.pool:after_run(self, true)
end

-- Why a run ended early, for its bar.
local function reason_of(err, thrown)
  if errors.is_interrupt(err or thrown) then return "interrupt" end
  if errors.is_error(err) and err.kind == "timeout" then return "timeout" end
  return err and "error" or "left early"
end

--- An end before its time: cancels and, when there is an error, raises it. One of
--- the caller's own bar is raised when it is the only one.
---@param err? any raised at the end
---@param thrown? any the error that is on its way already; true: raise none
function Run:abandon(err, thrown)
  if not self.over then
    local _ <close> = self.ending
    self.over = true
    if self.id then self.crew:abandon(self.id) end
    self:retire()
    local ok, told = pcall(self.close_bar, self, reason_of(self.error, thrown))
    if not ok and (errors.is_interrupt(told) or not err and thrown == nil) then err = told end
  end
  if err then error(err, 0) end
end

return Run
