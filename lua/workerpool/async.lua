-- The apply family: single tasks, each with a result object of its own.
--
-- Tasks go into the engine's shared queue at once, so workers begin and stay
-- busy while the host computes. What comes back is looked at when the host
-- next touches the pool: ready, wait, get, poll, or another apply.

local core = require "workerpool.core"
local errors = require "workerpool.errors"
local kinds = require "workerpool.kinds"
local options = require "workerpool.options"

local unpack, pack = table.unpack, table.pack

-- ---- one result --------------------------------------------------------------

---@class workerpool.AsyncResult
local AsyncResult = { __name = "workerpool.AsyncResult" }
AsyncResult.__index = AsyncResult

local function check_process(self, level)
  if self._owner ~= core.getpid() then
    error("this result belongs to the process that asked for it; a task that "
      .. "waited on its own pool would wait for ever", level + 1)
  end
end

--- Is the task over? Looks at what has come in, and does not wait.
---@return boolean
function AsyncResult:ready()
  check_process(self, 2)
  if not self._state then self._queue:poll(0) end
  return self._state ~= nil
end

--- Did the task succeed? An error while it is not over.
---@return boolean
function AsyncResult:successful()
  if not self:ready() then
    error(("task %d is not ready"):format(self._id), 2)
  end
  return self._state == "done"
end

--- Waits until the task is over.
---@param timeout? number seconds
---@return boolean over
function AsyncResult:wait(timeout)
  check_process(self, 2)
  options.check_seconds(timeout, "wait: timeout", 2)
  return self._queue:wait(function() return self._state ~= nil end, timeout)
end

--- Waits for the results and returns them, or raises the task's error. When
--- time is up it raises a timeout error; the task goes on, and get may be
--- called again.
---@param timeout? number seconds
---@return any ...
function AsyncResult:get(timeout)
  check_process(self, 2)
  options.check_seconds(timeout, "get: timeout", 2)
  if not self:wait(timeout) then
    error(errors.new {
      kind = "timeout", task_index = self._id,
      message = ("task %d is not ready after %g seconds"):format(self._id, timeout),
    }, 0)
  end
  if self._state ~= "done" then error(self._error, 0) end
  return unpack(self._values, 1, self._values.n)
end

--- Takes the task back: one that is queued never runs, one that runs is
--- stopped with its worker. False when it is over already.
---@return boolean
function AsyncResult:cancel()
  check_process(self, 2)
  if self:ready() then return false end
  return self._queue:cancel(self._id)
end

--- The number of the task, counted from 1 in each pool.
---@return integer
function AsyncResult:task_id() return self._id end

function AsyncResult:__tostring()
  return ("workerpool.AsyncResult (task %d, %s)"):format(self._id, self._state or "pending")
end

--- Raises unless this is a list of results. `level` as in error().
---@param list any
---@param title string
---@param level integer
local function check_results(list, title, level)
  if type(list) ~= "table" then
    error(("%s: wanted a list of results of apply_async, got %s")
      :format(title, kinds.got(list)), level + 1)
  end
  for i, result in ipairs(list) do
    if getmetatable(result) ~= AsyncResult then
      error(("%s: element %d: wanted a result of apply_async, got %s")
        :format(title, i, kinds.got(result)), level + 1)
    end
  end
end

-- ---- all of one pool -----------------------------------------------------------

local Queue = { __name = "workerpool.AsyncQueue" }
Queue.__index = Queue

function Queue.new(pool, crew)
  local self = setmetatable({
    pool = pool, crew = crew,
    tasks = {},    -- by id, until they are over
    pending = 0,
    handled = 0,   -- results that have come in
    overflow = {}, -- tasks that the engine had no room for, in order
    lists = {}, failures = {},
  }, Queue)
  self.id = crew:enlist(self)
  return self
end

-- A task's function is sent by value, for upvalues may have changed since the
-- last time; the same bytes are the same job.
function Queue:job_for(f)
  local crew = self.crew
  core.write(crew.writer, "function", f)
  local bytes = core.output(crew.writer)
  if bytes ~= self.job_bytes then
    if self.job then crew.engine:retire(self.job) end
    self.job_bytes, self.job = bytes, crew:announce_bytes(bytes)
  end
  return self.job
end

local function packed(args)
  if args == nil then return { n = 0 } end
  if type(args) ~= "table" or debug.getmetatable(args) then return pack(args) end
  return pack(unpack(args, 1, math.tointeger(args.n) or #args))
end

-- A task keeps its result only weakly: one that nobody asks for any more
-- costs nothing once it is over.
function Queue:apply(f, args, opts)
  self.last_id = (self.last_id or 0) + 1
  local result = setmetatable({
    _queue = self, _id = self.last_id, _owner = core.getpid(),
  }, AsyncResult)
  local task = setmetatable({ result = result }, { __mode = "v" })
  self.tasks[result._id] = {
    id = result._id, f = f, args = packed(args), opts = opts, attempt = 1, weak = task,
    callbacks = (opts.callback or opts.error_callback) and result or nil,
  }
  self.pending = self.pending + 1
  self.timed = self.timed or opts.task_timeout ~= nil
  self.task_timeout = math.min(self.task_timeout or math.huge, opts.task_timeout or math.huge)
  self:send(self.tasks[result._id])
  self:poll(0)
  return result
end

local function flags_of(crew, opts)
  local flags = 0
  if opts.task_timeout then flags = flags | core.FLAG_TIMED end
  if crew.setup.seed then flags = flags | core.FLAG_SEEDED end
  return flags
end

function Queue:send(task)
  local crew = self.crew
  if #self.overflow > 0 and self.overflow[1] ~= task then
    table.insert(self.overflow, task)
    return
  end
  local job = self:job_for(task.f)
  local written, err = core.write_tasks(crew.writer, { task.args }, 1, 1, false)
  if written == 0 then
    self:settle(task, nil, errors.new {
      kind = "encode", message = errors.message_of(err), task_index = task.id })
    return true
  end
  local tag = self.id << core.TAG_BITS | task.id
  task.ticket = crew.engine:submit(job, crew.writer, tag, 1,
    flags_of(crew, task.opts), self.pool:target_of(self))
  if task.ticket then return true end
  if self.overflow[1] ~= task then table.insert(self.overflow, task) end
  return false
end

function Queue:send_overflow()
  while self.overflow[1] and self:send(self.overflow[1]) do
    table.remove(self.overflow, 1)
  end
end

-- ---- what comes back -------------------------------------------------------------

-- Bookkeeping first, the user's code last: when a callback raises, nothing
-- is lost but what it would have done.
function Queue:settle(task, values, err)
  local result = task.weak.result
  self.tasks[task.id] = nil
  self.pending = self.pending - 1
  self.handled = self.handled + 1
  if result then
    result._state = values and "done" or "failed"
    result._values, result._error = values, err
  end
  local opts = task.opts
  if values and opts.callback then
    opts.callback(unpack(values, 1, values.n))
  elseif err and opts.error_callback then
    opts.error_callback(err)
  end
end

local function values_of(lists, id)
  local n = lists.counts and lists.counts[id] or 1
  local values = { n = n }
  for k = 1, n do values[k], lists[k][id] = lists[k][id], nil end
  if lists.counts then lists.counts[id] = nil end
  return values
end

function Queue:result(engine, id, _, count)
  if count == 0 then return end
  local task = self.tasks[id]
  engine:read(self.crew.reader, id, self.lists, self.failures)
  local err = self.failures[id]
  self.failures[id] = nil
  if not task then
    values_of(self.lists, id)
  elseif err ~= nil then
    self:failed(task, errors.from(err, id))
  else
    self:settle(task, values_of(self.lists, id))
  end
end

local function cancelled(id)
  return errors.new {
    kind = "cancelled", message = "the task was cancelled", task_index = id,
  }
end

function Queue:failed(task, err)
  err.attempt = task.attempt
  if task.cancelled then
    err = cancelled(task.id)
  elseif task.attempt <= task.opts.retries then
    task.attempt = task.attempt + 1
    return self:send(task)
  end
  self:settle(task, nil, err)
end

function Queue:lost(_, index, first, _, ending, w)
  local task = self.tasks[index + first]
  if not task then return end
  if ending.innocent then return self:send(task) end
  self:failed(task, self.crew.crash_of(ending, w, {
    task_index = task.id, args = errors.preview(task.args),
  }))
end

function Queue.message() end

function Queue:limit_of(id)
  local task = self.tasks[id]
  return task and task.opts.task_timeout
end

-- A worker's init failed, or workers cannot live: nothing queued will run.
function Queue:fail(err)
  local ids = {}
  for id in pairs(self.tasks) do ids[#ids + 1] = id end
  table.sort(ids)
  self.overflow = {}
  for _, id in ipairs(ids) do
    local task = self.tasks[id]
    if task then self:settle(task, nil, err) end
  end
end

function Queue:cancel(id)
  local task, engine = self.tasks[id], self.crew.engine
  for i, waiting in ipairs(self.overflow) do
    if waiting == task then table.remove(self.overflow, i) end
  end
  if not task.ticket or engine:cancel(task.ticket) then
    self:settle(task, nil, cancelled(id))
    return true
  end
  local w = engine:claimant(task.ticket)
  if not w then return false end
  task.cancelled = true
  self.crew:kill(w)
  return self:wait(function() return self.tasks[id] == nil end)
end

-- ---- waiting ------------------------------------------------------------------------

function Queue:is_live()
  return self.pool.crew == self.crew
end

--- Handles what has come in, for at most `seconds`; returns the number of
--- results.
function Queue:poll(seconds)
  local before, deadline = self.handled, core.now() + (seconds or 0)
  while self:is_live() and self.crew:pump(math.max(deadline - core.now(), 0)) do
    if core.now() >= deadline and (seconds or 0) > 0 then break end
  end
  if self.overflow[1] then self:send_overflow() end
  return self.handled - before
end

function Queue:wait(condition, timeout)
  local deadline = timeout and core.now() + timeout
  while not condition() do
    if not self:is_live() then return condition() end
    local left = deadline and deadline - core.now()
    if left and left <= 0 then return false end
    self.crew:pump(left)
    if self.overflow[1] then self:send_overflow() end
  end
  return true
end

return { Queue = Queue, AsyncResult = AsyncResult, check_results = check_results }
