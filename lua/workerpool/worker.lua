-- What happens in a worker, from birth to death, on one page.
--
-- A worker inherits its setup when it is forked: the leading arguments, init
-- and exit. Functions come as jobs, which it reads when it meets them first.
-- The loop over tasks is in C (link:run); here is what surrounds it.

-- A task may have set these to anything by the time an error is described.
local math, pcall, select, setmetatable, table, type, xpcall =
  math, pcall, select, setmetatable, table, type, xpcall

local core = require "workerpool.core"
local errors = require "workerpool.errors"
local names = require "workerpool.names"
local traceback = require "workerpool.traceback"

local unpack, pack = table.unpack, table.pack

-- Both sides have this module, and errors travel both ways.
names.register_class("workerpool.TaskError", errors.TaskError)

local Worker = { __name = "workerpool.Worker" }
Worker.__index = Worker

-- What a worker sends beside results. The host's side is crew.lua.
local MESSAGES = {
  emit = 1, init_failed = 2, exit_failed = 3, exited = 4, retired = 5, trace = 6,
  printed = core.MESSAGE_PRINTED,
}

-- The worker that this process is, for workerpool.is_worker, and the one
-- whose task runs now, for workerpool.emit. They differ with n_jobs = 0,
-- which runs tasks in a process that is no worker.
local current, running

---@class workerpool.Setup what a worker is given at its start
---@field names table names shared with the host at the time of the fork
---@field pass_worker_id boolean
---@field has_shared boolean
---@field shared_objects any
---@field use_worker_state boolean
---@field init? function
---@field exit? function
---@field seed? integer
---@field daemon boolean
---@field cpu_sets? integer[][] the CPUs of each worker
---@field init_timeout? number seconds
---@field exit_timeout? number
---@field memory_limit? integer bytes
---@field worker_max_memory? integer bytes

local function leading_arguments(setup, index)
  local prefix = { n = 0 }
  local function add(value)
    prefix.n = prefix.n + 1
    prefix[prefix.n] = value
  end
  if setup.pass_worker_id then add(index) end
  if setup.has_shared then add(setup.shared_objects) end
  if setup.use_worker_state then add({}) end
  return prefix
end

local function picture(...)
  return errors.preview(pack(...))
end

---@param link table the worker's end of its pool
---@param setup workerpool.Setup
function Worker.new(link, setup)
  local self = setmetatable({
    link = link,
    setup = setup,
    index = link:index(),
    codec = core.codec(setup.names),
    -- A second one: an error may need it while the first is half written.
    spare = core.codec(setup.names),
    jobs = {},
  }, Worker)
  self.prefix = leading_arguments(setup, self.index)
  self.handler = function(err, is_over) return self:handle(err, is_over) end
  link:observe(self.spare, picture, function(...) self:tell(...) end)
  if setup.seed then link:seed(setup.seed) end
  if setup.worker_max_memory then link:max_memory(setup.worker_max_memory) end
  return self
end

-- ---- errors ---------------------------------------------------------------

-- The value itself, when it can travel.
function Worker:travelling(cause)
  if pcall(self.spare.encode, self.spare, cause) then return cause end
  return nil
end

-- What the codec says on want of memory has a path before it.
local NO_MEMORY = "not enough memory"

local function kind_of(stage, err)
  if err == NO_MEMORY then return "memory" end
  if stage == "encode" or stage == "decode" then
    local ends_so = type(err) == "string" and err:sub(-#NO_MEMORY) == NO_MEMORY
    return ends_so and "memory" or "encode"
  end
  return "error"
end

-- nil where the arguments themselves are what was too much.
function Worker:picture_arguments()
  local ok, text = pcall(function()
    return errors.preview(pack(self.link:arguments(self.spare)))
  end)
  return ok and text or nil
end

-- What the task has printed, if that is captured. Memory may be short here.
function Worker:printed()
  local ok, text = pcall(self.link.printed, self.link)
  return ok and text or nil
end

-- Called by the message handler, where the stack of the error still stands.
function Worker:describe(err)
  local stage, task_index = self.link:stage()
  local fields = {
    kind = kind_of(stage, err),
    message = errors.message_of(err),
    cause = self:travelling(err),
    worker_id = self.index,
    task_index = task_index,
    output = self:printed(),
  }
  if stage ~= "decode" then
    fields.args = self:picture_arguments()
  end
  if stage == "call" then fields.traceback = traceback.of_task(3) end
  return errors.new(fields)
end

-- An error is described where it is raised, but raised as it is: variables of the
-- task's that are to be closed are closed with what was thrown.
function Worker:handle(err, is_over)
  if is_over then
    local described = self.described
    self.described = nil
    return described or err
  end
  self.described = self:describe(err)
  return err
end

-- ---- init and exit ----------------------------------------------------------

-- Calls one of the two with the leading arguments; true and its results, or
-- false and an error that says where it happened.
function Worker:call_phase(phase, f)
  local described
  local function on_error(err)
    described = errors.new {
      message = ("worker_%s: %s"):format(phase, errors.message_of(err)),
      cause = self:travelling(err),
      worker_id = self.index,
      traceback = traceback.of_task(2),
      output = self:printed(),
    }
    return err
  end
  self.link:phase(phase, true)
  local began = core.now()
  local results = pack(xpcall(f, on_error, unpack(self.prefix, 1, self.prefix.n)))
  if described and not results[1] then results[2] = described end
  self.link:phase(phase, false)
  if self.link:traced() then self:tell(nil, phase, began, core.now()) end
  return results[1], results
end

-- Where memory has run out there is no handler, and only a string arrives.
local function error_of(phase, value, index)
  if errors.is_error(value) then return value end
  local err = errors.from(value, nil, index)
  err.message = ("worker_%s: %s"):format(phase, err.message)
  return err
end

function Worker:send(message, ...)
  core.write(self.codec, "result", ...)
  self.link:send(self.codec, MESSAGES[message])
end

function Worker:init()
  if not self.setup.init then return true end
  local ok, results = self:call_phase("init", self.setup.init)
  if not ok then self:send("init_failed", error_of("init", results[2], self.index)) end
  return ok
end

function Worker:exit()
  if not self.setup.exit then return end
  local ok, results = self:call_phase("exit", self.setup.exit)
  if not ok then
    return self:send("exit_failed", error_of("exit", results[2], self.index))
  end
  local sent, err = pcall(self.send, self, "exited", unpack(results, 2, results.n))
  if sent then return end
  self:send("exit_failed", errors.new {
    kind = "encode", message = "worker_exit: " .. errors.message_of(err),
    worker_id = self.index,
  })
end

-- ---- tasks ------------------------------------------------------------------

-- The function of a job, and the lifespan that it sets. Jobs are few; those
-- of past calls are let go.
function Worker:job(id)
  local job = self.jobs[id]
  if not job then
    job = pack(self.codec:decode(self.link:job()))
    self.jobs = { [id] = job }
  end
  return job[1], job[2]
end

-- Runs what came for job `id` and all that follows for the same job.
function Worker:step(id)
  local outer = running
  local f, lifespan = self:job(id)
  self.link:lifespan(lifespan or 0)
  running = self
  local next_id = self.link:run(self.codec, self.handler, math.randomseed,
    f, unpack(self.prefix, 1, self.prefix.n))
  running = outer
  return next_id
end

function Worker:emit(...)
  local _, task_index = self.link:stage()
  core.write(self.spare, "message", ...)
  self.link:send(self.spare, MESSAGES.emit, task_index)
end

-- For a trace: what happened from when to when. See trace.lua.
function Worker:tell(task_index, ...)
  core.write(self.spare, "trace", ...)
  self.link:send(self.spare, MESSAGES.trace, task_index)
end

function Worker:life()
  local launched = self.link:traced()
  if launched then self:tell(nil, "start-up", launched, core.now()) end
  if not self:init() then return end
  local id = self.link:receive()
  while id do
    id = self:step(id)
  end
  if self.link:retired() then self:send("retired") end
  self:exit()
end

-- ---- a process of its own -----------------------------------------------------

-- The generator's state was inherited, so all siblings would draw the same
-- numbers; and math.randomseed() without arguments seeds from the time and
-- an address, which are the same in all of them too.
local function own_random_stream()
  local seed = math.randomseed
  seed(core.random_bits())
  math.randomseed = function(...) -- luacheck: ignore 122
    if select("#", ...) > 0 then return seed(...) end
    return seed(core.random_bits())
  end
  return seed
end

-- Exit handlers and finalizers of the process that we were forked from are
-- not ours to run.
local function leave_by_exit(code)
  core.exit(code)
end

-- A thread must not end the host. As far as the host can tell, this worker
-- is gone then, as a process would be.
local function leave_thread(code)
  if code == nil or code == true then code = 0 end
  current.link:abandon(code or 1)
end

--- A worker process: never returns to what its process did before the fork.
---@param link table
---@param setup workerpool.Setup
local function main(link, setup)
  if setup.cpu_sets then assert(core.pin(setup.cpu_sets[link:index() + 1])) end
  if setup.memory_limit then assert(core.limit_memory(setup.memory_limit)) end
  -- Grown beyond this, a worker is replaced by a fresh fork, which costs less
  -- than a full collection: that would copy what it shares with the host.
  local growth = not link:is_thread()
    and core.inherit(setup.use_worker_state or setup.init ~= nil)
  if growth then link:max_growth(growth) end
  own_random_stream()
  link:take_streams()
  os.exit = link:is_thread() and leave_thread or leave_by_exit -- luacheck: ignore 122
  current = Worker.new(link, setup)
  current:life()
  return 0
end

return {
  new = Worker.new,
  main = main,
  MESSAGES = MESSAGES,
  current = function() return current end,
  running = function() return running end,
}
