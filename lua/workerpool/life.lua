-- The crews that a pool has, one after the other: made when a call needs one, kept as
-- long as it serves, and ended. Code of the caller's may be called meanwhile, and may
-- do with the pool whatever it likes.

local Crew = require "workerpool.crew"
local errors = require "workerpool.errors"
local insights = require "workerpool.insights"
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

-- Calls f whatever interrupts the block.
local function at_end(f)
  return setmetatable({}, { __close = f })
end

local function let_go(self, crew)
  if self.crew == crew then self.crew, self.queue = nil, nil end
end

-- The crew leaves in good order, when it has done what was asked of it; returns
-- the error of an exit function. A callback may have ended it before. When it
-- leaves it is nobody's: who asks for something then gets another.
function Life:dismiss()
  local crew, queue = self.crew, self.queue
  if not crew then return nil end
  if queue then crew:finish(queue) end
  if crew.closed then return nil end
  local _ <close> = at_end(function()
    let_go(self, crew)
    crew:close()
  end)
  let_go(self, crew)
  return crew:stop_all()
end

-- What those are told that wait for tasks of a pool that has been terminated. They
-- can send nothing: a callback that sends its task again whenever that fails would
-- go on for ever.
local function tell(self, queue, ended)
  local _ <close> = at_end(function() self.is_telling = false end)
  self.is_telling = true
  queue:tell(ended)
end

-- Tasks are over before any code of the caller's is called, so it finds none that
-- will never end.
function Life:disband()
  local crew, queue = self.crew, self.queue
  if not crew then return end
  local ended = {}
  local _ <close> = at_end(function()
    let_go(self, crew)
    crew:close()
    if queue then tell(self, queue, ended) end
  end)
  let_go(self, crew)
  if queue then
    crew:delist(queue.id)
    ended = queue:end_all(errors.terminated())
  end
  crew:kill_all()
end

-- Are there apply tasks that are not over?
function Life:has_pending()
  return self.queue ~= nil and self.queue.pending > 0
end

-- Lets those go that cannot serve a call: what they have been asked is finished,
-- and callbacks may have started others meanwhile.
local function release_unfit(self, f, call)
  local restart = call.restart_workers
  while self.crew do
    if self.crew.hopeless then
      self:disband()
    elseif restart or not fits(self.crew.setup, self.opts, f, call) then
      self:dismiss()
    else
      return
    end
    restart = false
  end
end

local function engage(self, crew)
  crew.exit_results = self.exit_results
  self.crew = crew
  self.insights = self.opts.enable_insights and insights.watch(crew) or nil
end

function Life:crew_for(f, call, level)
  release_unfit(self, f, call)
  if not self.crew then
    if self.n_jobs > 0 then refusals.daemon(level + 1) end
    local crew = Crew.new(self.n_jobs, make_setup(self, f, call, level + 1), level + 1)
    if self.crew then crew:close() -- a finalizer has wanted one meanwhile
    else engage(self, crew) end
  end
  if self.insights then self.insights:resume() end
  return self.crew
end

-- Called by a run at its end; the first call counts.
function Life:after_run(run, normal)
  if self.run == run then self.run = nil end
  if run.has_ended then return nil end
  run.has_ended = true
  if self.insights and not self.queue then self.insights:pause() end
  if self.opts.keep_alive then return nil end
  if normal then return self:dismiss() end
  if not self:has_pending() then self:disband() end
  return nil
end

--- Gives a class of pools these methods. It has the fields opts, n_jobs, cpu_sets, and
--- for a while crew, queue, run, exit_results, insights and is_telling.
---@param class table
local function extend(class)
  for name, method in pairs(Life) do class[name] = method end
end

return { extend = extend }
