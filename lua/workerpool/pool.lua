-- The WorkerPool class: options, the map family, and the life of the crew
-- that does the work. How a call runs is in map.lua.

local Run = require "workerpool.map"
local async = require "workerpool.async"
local async_result = require "workerpool.async_result"
local core = require "workerpool.core"
local cpus = require "workerpool.cpus"
local errors = require "workerpool.errors"
local fifo = require "workerpool.fifo"
local insights = require "workerpool.insights"
local iterate = require "workerpool.iterate"
local life = require "workerpool.life"
local options = require "workerpool.options"
local output = require "workerpool.output"
local setters = require "workerpool.setters"
local sinks = require "workerpool.sinks"
local sources = require "workerpool.source"
local progress = require "workerpool.progress"
local refusals = require "workerpool.refusals"
local trace = require "workerpool.trace"
local worker = require "workerpool.worker"

progress.system.is_tty = core.is_tty
progress.system.columns = core.columns
progress.system.now = core.now
progress.system.terminal = output.terminal
function progress.system.reached(position)
  local current = worker.current()
  if current then current.link:note(position) end
end

local max, min, unpack = math.max, math.min, table.unpack

---@class workerpool.WorkerPool
local WorkerPool = {
  __name = "workerpool.WorkerPool",
  __workerpool_stays = "a pool stays in the process that made it "
    .. "(a task makes one of its own, in a pool with daemon = false)",
}
WorkerPool.__index = WorkerPool

-- ---- making one -----------------------------------------------------------------

local function default_jobs(level)
  local n, message = options.jobs_from_environment(os.getenv("WORKERPOOL_JOBS"))
  if message then error(message, level + 1) end
  return n or cpus.count()
end

local function allowed_cpus()
  local allowed = {}
  for _, cpu in ipairs(core.affinity()) do allowed[cpu] = true end
  return allowed
end

-- `level` as in error(), where 1 is the line that calls options.check.
local function new(opts, level)
  local checked = options.check("constructor", opts, level)
  local n_jobs = checked.n_jobs or default_jobs(level)
  refusals.threads(checked, level)
  output.resolve(checked, level)
  return setmetatable({
    opts = checked,
    n_jobs = n_jobs,
    cpu_sets = options.check_cpu_ids(checked.cpu_ids, n_jobs, allowed_cpus(), level),
    owner = core.getpid(),
    exit_results = {},
    raised = fifo.new(), -- by callbacks, and not yet told
    last_task_id = 0, -- of the apply family
  }, WorkerPool)
end

--- Makes a pool. Workers start at the first call that needs them.
---@param opts? workerpool.PoolOptions
---@return workerpool.WorkerPool
function WorkerPool.new(opts)
  if opts == WorkerPool then
    error("WorkerPool.new{...} is called with a dot, not with a colon", 2)
  end
  return new(opts, 2)
end

setmetatable(WorkerPool, { __call = function(_, opts) return new(opts, 2) end })

-- Each apply comes by here, so nobody is called who would say yes.
local function check_owner(self, title, level)
  if getmetatable(self) ~= WorkerPool then
    refusals.dot(self, WorkerPool, "pool", title, level + 1)
  end
  if self.owner ~= core.getpid() then refusals.other_process(level + 1) end
end

local function refuse_while_telling(self, title)
  if not self.is_telling then return end
  error(errors.new { kind = "cancelled", message = title .. ": the pool is being terminated" }, 0)
end

-- The worker that is to get the next chunk, or nil for any.
function WorkerPool:target_of(run)
  if not self.opts.order_tasks or self.n_jobs == 0 then return nil end
  run.chunks_sent = (run.chunks_sent or -1) + 1
  return run.chunks_sent % self.n_jobs
end

-- ---- the map family -------------------------------------------------------------------

-- A call that was dropped, with its loop or its coroutine, may be garbage that has
-- not been collected yet.
local function refuse_overlap(self, title, level)
  if self.run then collectgarbage() end
  if self.run then
    error(("%s: this pool is running %s; wait for it to end, or use another pool")
      :format(title, self.run.title), level + 1)
  end
end

-- No more workers than there can be chunks.
local function crew_size(self, source, call)
  local chunks = source.length
  if chunks and call.chunk_size then chunks = math.ceil(chunks / call.chunk_size) end
  if chunks and call.n_splits then chunks = min(chunks, call.n_splits) end
  return chunks and max(1, min(self.n_jobs, chunks)) or self.n_jobs
end

-- A call that has been checked but has not begun.
local function prepare(self, title, f, tasks, opts, level)
  check_owner(self, title, level)
  refusals.no_function(f, title, level)
  local call = options.check("map", opts, level, title)
  output.check_listener(self.opts, call, title, level)
  local source = sources.new(tasks, call.iterable_len, level, title)
  -- Of an iterator this is the most that are to be taken.
  if source.kind ~= "iterator" and source.length and source.length > core.TAG_INDEX then
    error(("%s: %d tasks are too many: a call takes %d"):format(title, source.length,
      core.TAG_INDEX), level)
  end
  if call.n_splits and not source.length and not call.chunk_size then
    error(title .. ": n_splits needs a length: give iterable_len, or chunk_size", level)
  end
  return { title = title, f = f, options = call, source = source }
end

-- Exit results are those since the last map began, also of workers that live already
-- and end because they cannot serve it.
local function list_exits_anew(self)
  self.exit_results = {}
  if self.crew then self.crew.exit_results = self.exit_results end
end

-- The run has a crew when this returns. Before that callbacks may begin another call.
-- `holder` is what ends the run, should it be left early.
local function take_crew(self, run, plan, holder, level)
  local crew
  repeat
    crew = self:crew_for(plan.f, plan.options, level + 1)
    refuse_overlap(self, plan.title, level + 1)
  until self.crew == crew
  holder.run = run
  run:take_crew(crew)
end

-- Whatever may be refused, or go wrong, before the first task is taken.
local function start(self, run, plan, level)
  run:begin(plan.f, level + 1)
  trace.attach(run, self.opts.enable_insights)
  run.crew:expect_bar(run.bar.is_on_terminal or self.opts.keep_alive)
  if plan.source.length ~= 0 then
    run.crew:ensure(crew_size(self, plan.source, plan.options))
  end
end

-- A call that could not begin may begin later: its holder is without a run then.
local function begin(self, plan, sink, holder, level)
  check_owner(self, plan.title, level)
  refuse_while_telling(self, plan.title)
  refuse_overlap(self, plan.title, level)
  trace.check(plan.options.trace, plan.title, level)
  list_exits_anew(self)
  local run = Run.new(self, plan, sink)
  take_crew(self, run, plan, holder, level)
  local ok, err = pcall(start, self, run, plan, level + 2)
  if ok then return run end
  run:abandon(nil, err)
  holder.run = nil
  error(err, 0)
end

-- Ends a run that is left by an error, the caller's or its own, or whose
-- coroutine is dropped while the caller's code has yielded.
local Guard = { __name = "workerpool.guard" }
Guard.__close = function(guard, thrown)
  if not guard.run then return end
  guard.run:abandon(nil, thrown)
  guard.run = nil -- a finalizer would keep the results for one more collection
end
Guard.__gc = function(guard) Guard.__close(guard) end

local function collect(self, title, f, tasks, opts, sink)
  local plan = prepare(self, title, f, tasks, opts, 3)
  local guard <close> = setmetatable({}, Guard)
  local run = begin(self, plan, sink, guard, 3)
  while run:step() do end
  local err = run:finish()
  if err then
    err.results = table.pack(sink:results(run.next_index - 1))
    error(err, 0)
  end
  return sink:results(run.next_index - 1)
end

--- Calls f with every task; returns a list for each value that f returns, in
--- the order of the tasks. Lists have a field n, and nils keep their place.
---@param f function
---@param tasks table|function a list, a range, or an iterator
---@param opts? workerpool.MapOptions
---@return table results
---@return table ...
function WorkerPool:map(f, tasks, opts)
  return collect(self, "map", f, tasks, opts, sinks.Lists.new())
end

--- As map, with the results in the order in which tasks were completed.
---@param f function
---@param tasks table|function
---@param opts? workerpool.MapOptions
---@return table results
---@return table ...
function WorkerPool:map_unordered(f, tasks, opts)
  return collect(self, "map_unordered", f, tasks, opts, sinks.Pile.new())
end

-- Mistakes are told at once, work begins with the loop.
local function lazy(self, title, f, tasks, opts, in_order)
  local plan = prepare(self, title, f, tasks, opts, 3)
  refuse_overlap(self, title, 2)
  return iterate.loop(function(loop)
    return begin(self, plan, sinks.Chunks.new(in_order), loop, 4)
  end)
end

--- As map, lazily: `for task_index, results... in pool:imap(f, tasks)`. Tasks
--- are pulled as results are consumed; leaving the loop cancels the rest.
---@param f function
---@param tasks table|function
---@param opts? workerpool.MapOptions
function WorkerPool:imap(f, tasks, opts)
  return lazy(self, "imap", f, tasks, opts, true)
end

--- As imap, in the order in which tasks are completed.
---@param f function
---@param tasks table|function
---@param opts? workerpool.MapOptions
function WorkerPool:imap_unordered(f, tasks, opts)
  return lazy(self, "imap_unordered", f, tasks, opts, false)
end

-- ---- the apply family -------------------------------------------------------------------

-- Workers that have tasks to do stay as they are: to replace them would mean to
-- wait for them.
local function is_busy(self)
  local crew, run = self.crew, self.run
  return crew and not crew.hopeless and (self:has_pending() or run and run.crew == crew)
end

-- The queue of workers that can do the task. To start some is to look at what comes
-- in, so code of the caller's may end them at once.
local function queue_for(self, f, call, level)
  local crew
  repeat
    crew = is_busy(self) and self.crew or self:crew_for(f, call, level + 1)
    if not self.queue then
      local queue = async.Queue.new(self, crew)
      if self.crew == crew and not self.queue then
        self.queue = queue
        -- A finalizer may be here while a map takes an event.
        if self.run then crew:want(self.n_jobs) else crew:ensure(self.n_jobs) end
      end
    end
  until self.queue and self.crew == crew
  return self.queue
end

-- The queue, and the task in it. A finalizer may have ended the workers before the
-- task was theirs: then others get it.
local function submit(self, title, f, args, opts, level)
  check_owner(self, title, level)
  refusals.no_function(f, title, level)
  local call = options.check("apply", opts, level, title)
  output.check_listener(self.opts, call, title, level)
  refuse_while_telling(self, title)
  local queue, task
  repeat
    queue = queue_for(self, f, call, level)
    task = queue:submit(f, args, call, title, level + 1)
  until task
  return queue, task
end

--- Calls f with the list of arguments in a worker, and does not wait.
---@param f function
---@param args? any a list of arguments (n is honoured), or one argument, also a record
---@param opts? workerpool.ApplyOptions
---@return workerpool.AsyncResult
function WorkerPool:apply_async(f, args, opts)
  local queue, task = submit(self, "apply_async", f, args, opts, 3)
  queue:relieve()
  return async_result.new(queue, task)
end

--- Calls f with the list of arguments in a worker, waits, and returns what f
--- returned.
---@param f function
---@param args? any
---@param opts? workerpool.ApplyOptions
---@return any ...
function WorkerPool:apply(f, args, opts)
  local queue, task = submit(self, "apply", f, args, opts, 3)
  return queue:get(task)
end

--- Handles what has come in, for at most `seconds` (0).
---@param seconds? number
---@return integer results handled
function WorkerPool:poll(seconds)
  check_owner(self, "poll", 2)
  options.check_seconds(seconds, "poll: seconds", 2)
  if self.queue then return self.queue:poll(seconds) end
  local first = self.raised:pop()
  if first then error(first[1], 0) end
  return 0
end

--- A descriptor that is readable when poll has work, a time limit that has
--- passed included, for event loops; nil when no worker has been started, and
--- with n_jobs = 0. A pool that has ended and is used again has another one.
---@return integer?
function WorkerPool:fileno()
  check_owner(self, "fileno", 2)
  if not self.crew then return nil end
  self.crew.clock:watch()
  return self.crew.engine:fileno()
end

--- Waits until one of several results is over, and returns that one; nil
--- when time is up.
---@param list workerpool.AsyncResult[]
---@param timeout? number seconds
---@return workerpool.AsyncResult?
function WorkerPool:wait_any(list, timeout)
  check_owner(self, "wait_any", 2)
  async_result.check_list(list, self, "wait_any", 2)
  options.check_seconds(timeout, "wait_any: timeout", 2)
  local found
  local function any()
    for _, result in ipairs(list) do
      if result:ready() then
        found = result
        return true
      end
    end
    return #list == 0
  end
  if not self.queue then
    any()
  else
    self.queue:wait(any, timeout)
  end
  return found
end

-- ---- endings ---------------------------------------------------------------------------

--- Finishes what was submitted, runs worker_exit, and ends the workers. Then it
--- raises the first error of an exit function or of a callback, if any.
function WorkerPool:stop_and_join()
  refusals.dot(self, WorkerPool, "pool", "stop_and_join", 2)
  if self.owner ~= core.getpid() then return end
  local err
  repeat -- for callbacks may have started others
    if self.run then self.run:abandon(nil, true) end
    err = err or self:dismiss()
  until not self.crew
  local first = self.raised:pop()
  self.raised = fifo.new()
  if err then error(err, 0) end
  if first then error(first[1], 0) end
end
--- The same.
WorkerPool.join = WorkerPool.stop_and_join

--- Ends the workers at once, busy or not.
function WorkerPool:terminate()
  refusals.dot(self, WorkerPool, "pool", "terminate", 2)
  if self.owner ~= core.getpid() then return end
  if self.run then self.run:abandon(nil, true) end
  self:disband()
end

--- What worker_exit returned in each worker that has ended since the last
--- map began, in the order of their ending: the value; several as a list with
--- a field n. Who returned nothing, or nil, has no place in it.
---@return table
function WorkerPool:get_exit_results()
  refusals.dot(self, WorkerPool, "pool", "get_exit_results", 2)
  return self.exit_results
end

function WorkerPool:__close(err)
  if err ~= nil then return self:terminate() end
  return self:stop_and_join()
end

function WorkerPool:__gc()
  self:terminate()
end

function WorkerPool:__tostring()
  return ("workerpool.WorkerPool (%d jobs%s)"):format(self.n_jobs,
    self.run and ", running " .. self.run.title or "")
end

--- Makes a pool, calls fn(pool), closes the pool whatever happens, and
--- returns what fn returned.
---@param opts? workerpool.PoolOptions
---@param fn fun(pool: workerpool.WorkerPool): ...
local function with(opts, fn)
  if type(fn) ~= "function" then
    error("with: wanted a function, got " .. type(fn), 2)
  end
  local pool <close> = new(opts, 3)
  local results = table.pack(fn(pool))
  return unpack(results, 1, results.n)
end

insights.extend(WorkerPool)
life.extend(WorkerPool)
setters.extend(WorkerPool)

return { WorkerPool = WorkerPool, with = with }
