-- The crews that a pool has, one after the other: made when a call needs one, kept as
-- long as it serves, and ended. Code of the caller's may be called meanwhile, and may
-- do with the pool whatever it likes.

local Crew = require "workerpool.crew"
local errors = require "workerpool.errors"
local insights = require "workerpool.insights"
local mixin = require "workerpool.mixin"
local names = require "workerpool.names"
local refusals = require "workerpool.refusals"
local remember = require "workerpool.remember"

local Life = {}

-- Everything that a worker needs from its start is found again in its copy
-- of our memory, by reference.
local function make_setup(self, f, call, level)
  local opts, known = self.opts, names.new()
  if opts.start_method == "fork" then
    names.refresh()
    remember.environments(known, 2)
    remember.stuck(known, level + 1)
    remember.call(known, f)
    remember.call(known, call.worker_init)
    remember.call(known, call.worker_exit)
  end
  return {
    names = known,
    start_method = opts.start_method,
    pass_worker_id = opts.pass_worker_id,
    has_shared = opts.shared_objects ~= nil,
    shared_objects = opts.shared_objects, shared_version = opts.shared_version,
    use_worker_state = opts.use_worker_state,
    init = call.worker_init, exit = call.worker_exit,
    init_timeout = call.worker_init_timeout, exit_timeout = call.worker_exit_timeout,
    memory_limit = opts.memory_limit, worker_max_memory = opts.worker_max_memory,
    seed = opts.seed, daemon = opts.daemon, cpu_sets = self.cpu_sets,
    output = opts.output, output_prefix = opts.output_prefix, keep_alive = opts.keep_alive,
  }
end

-- Whether live workers can serve a call with the options of now. A worker's
-- init and exit are a pair for its whole life, so others mean other workers.
-- An object that can be called is inherited, as it is at the time of the fork.
local function fits(setup, opts, f, call)
  return (type(f) == "function" or opts.start_method ~= "fork")
    and (call.worker_init == nil or call.worker_init == setup.init)
    and (call.worker_exit == nil or call.worker_exit == setup.exit)
    and setup.pass_worker_id == opts.pass_worker_id
    and rawequal(setup.shared_objects, opts.shared_objects)
    and setup.shared_version == opts.shared_version
    and setup.use_worker_state == opts.use_worker_state
    and setup.seed == opts.seed
end

-- What is done when a pool has let go of a crew, whatever interrupts the rest. Made
-- ahead: where something is made, a finalizer may ask something of the crew.
local Parting = {}

local function parting_from(self, crew)
  return setmetatable({ pool = self, crew = crew, ended = {} }, Parting)
end

-- What those are told that wait for tasks of a pool that has been terminated. They
-- can send nothing: a callback that sends its task again whenever that fails would
-- go on for ever.
local Telling = {}
function Telling.__close(telling) telling.pool.is_telling = false end

local function tell(self, queue, ended)
  local _ <close> = setmetatable({ pool = self }, Telling)
  self.is_telling = true
  queue:tell(ended)
end

function Parting.__close(parting)
  if not parting.has_begun then return end
  parting.crew:close()
  if parting.ended[1] then tell(parting.pool, parting.queue, parting.ended) end
end

-- From now on the crew is nobody's: who asks for something gets another.
local function let_go(parting)
  local pool = parting.pool
  parting.has_begun, parting.queue = true, pool.queue
  pool.crew, pool.queue = nil, nil
end

-- Is a call of the map family under way that has this crew? One that tells its
-- progress bar that it is over is not.
local function is_running(self, crew)
  local run = self.run
  return run ~= nil and run.crew == crew and not run.over
end

-- The crew leaves in good order, when it has done what was asked of it; returns
-- the error of an exit function. Callbacks may have ended it before, or have begun
-- a call that is not over: then it stays, for that.
function Life:dismiss()
  local crew = self.crew
  if not crew then return nil end
  local parting <close> = parting_from(self, crew)
  while self.crew == crew and self:has_pending() do crew:finish(self.queue) end
  if self.crew ~= crew or is_running(self, crew) then return nil end
  let_go(parting)
  return crew:stop_all()
end

--- Ends the crew at once. Tasks are over before any code of the caller's is called,
--- so it finds none that will never end.
---@param if_idle? boolean only if it has nothing to do
function Life:disband(if_idle)
  local crew = self.crew
  if not crew then return end
  local parting <close> = parting_from(self, crew)
  if self.crew ~= crew or if_idle and (self:has_pending() or is_running(self, crew)) then return end
  let_go(parting)
  local queue = parting.queue
  if queue then
    crew:delist(queue.id)
    parting.ended = queue:end_all(errors.terminated())
  end
  crew:kill_all()
end

-- Are there apply tasks that are not over?
function Life:has_pending()
  return self.queue ~= nil and self.queue.pending > 0
end

-- Lets those go that cannot serve a call: what they have been asked is finished,
-- and callbacks may have started others meanwhile. Those stay that have a call under
-- way: whether there may be another one is not for us to say.
local function release_unfit(self, f, call)
  local restart = call.restart_workers
  while self.crew do
    if self.crew.hopeless then
      self:disband()
    elseif is_running(self, self.crew)
      or not restart and fits(self.crew.setup, self.opts, f, call) then
      return
    else
      self:dismiss()
    end
    restart = false
  end
end

-- True unless a finalizer has wanted a crew meanwhile, which need not serve this call.
local function engage(self, f, call, level)
  if self.n_jobs > 0 then refusals.daemon(level + 1) end
  local crew = Crew.new(self.n_jobs, make_setup(self, f, call, level + 1), level + 1)
  local insight = self.opts.enable_insights and insights.watch(crew) or nil
  if self.crew then
    crew:close()
    return false
  end
  crew.exit_results, self.crew, self.insights = self.exit_results, crew, insight
  return true
end

--- A crew that can serve a call. A finalizer may have ended it by the time that the
--- caller has it: it is `self.crew` if not.
function Life:crew_for(f, call, level)
  release_unfit(self, f, call)
  while not self.crew do
    if not engage(self, f, call, level + 1) then release_unfit(self, f, call) end
  end
  local crew = self.crew
  if self.insights then self.insights:resume() end
  return crew
end

-- Called by a run at its end; the first call counts.
function Life:after_run(run, normal)
  if self.run == run then self.run = nil end
  if run.has_ended then return nil end
  run.has_ended = true
  if self.insights and not self.queue then self.insights:pause() end
  -- Its crew may have gone before it.
  if self.crew ~= run.crew or self.opts.keep_alive then return nil end
  if normal then return self:dismiss() end
  self:disband(true)
  return nil
end

-- Gives a class of pools these methods. It has the fields opts, n_jobs, cpu_sets, and
-- for a while crew, queue, run, exit_results, insights and is_telling.
return mixin(Life)
