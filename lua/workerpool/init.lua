-- workerpool: a pool of worker processes for Lua 5.4. This is what
-- `require "workerpool"` returns.

local chunk = require "workerpool.chunk"
local cpus = require "workerpool.cpus"
local errors = require "workerpool.errors"
local names = require "workerpool.names"
local pool = require "workerpool.pool"
local range = require "workerpool.range"
local shared = require "workerpool.shared"
local source = require "workerpool.source"
local worker = require "workerpool.worker"

local workerpool = {
  _VERSION = "workerpool 0.1.0",
  WorkerPool = pool.WorkerPool,
  TaskError = errors.TaskError,
  with = pool.with,
  cpu_count = cpus.count,
  range = range.new,
  single = source.single,
  chunk_tasks = chunk.chunk_tasks,
  is_error = errors.is_error,
  register_class = names.register_class,
  Array = shared.Array,
  Value = shared.Value,
  Lock = shared.Lock,
  Event = shared.Event,
  Semaphore = shared.Semaphore,
  Barrier = shared.Barrier,
  Queue = shared.Queue,
  Dict = shared.Dict,
}

--- Is this a worker process?
---@return boolean
function workerpool.is_worker()
  return worker.current() ~= nil
end

--- Sends values to the host from inside a task; there they reach on_message
--- as (task_index, values...), in order and before the task's result.
function workerpool.emit(...)
  local running = worker.running()
  if not running then error("emit: only a task can send messages", 2) end
  running:emit(...)
end

return workerpool
