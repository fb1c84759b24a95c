-- What a caller holds of a single task: whether it is over, and how it came out. A task
-- that nobody holds is forgotten when it is over.

local core = require "workerpool.core"
local kinds = require "workerpool.kinds"
local options = require "workerpool.options"
local refusals = require "workerpool.refusals"

---@class workerpool.AsyncResult
local AsyncResult = {
  __name = "workerpool.AsyncResult",
  __workerpool_stays = "a result of apply_async stays in the process that asked for it",
}
AsyncResult.__index = AsyncResult

local function check_process(self, title, level)
  if getmetatable(self) ~= AsyncResult then
    refusals.dot(self, AsyncResult, "result", title, level + 1)
  end
  if self._queue.pid ~= core.getpid() then
    error("this result belongs to the process that asked for it; a task that "
      .. "waited on its own pool would wait for ever", level + 1)
  end
end

--- Is the task over? Looks at what has come in, and does not wait.
---@return boolean
function AsyncResult:ready()
  check_process(self, "ready", 2)
  if not self._task.state then self._queue:poll(0) end
  return self._task.state ~= false
end

--- Did the task succeed? An error while it is not over.
---@return boolean
function AsyncResult:successful()
  check_process(self, "successful", 2)
  if not self:ready() then
    error(("task %d is not ready"):format(self._task.id), 2)
  end
  return self._task.state == "done"
end

--- Waits until the task is over.
---@param timeout? number seconds
---@return boolean over
function AsyncResult:wait(timeout)
  check_process(self, "wait", 2)
  options.check_seconds(timeout, "wait: timeout", 2)
  return self._queue:wait_for(self._task, timeout)
end

--- Waits for the results and returns them, or raises the task's error. When
--- time is up it raises a timeout error; the task goes on, and get may be
--- called again.
---@param timeout? number seconds
---@return any ...
function AsyncResult:get(timeout)
  check_process(self, "get", 2)
  options.check_seconds(timeout, "get: timeout", 2)
  return self._queue:get(self._task, timeout)
end

--- Takes the task back: one that is queued never runs, one that runs is
--- stopped with its worker. False when it is over already.
---@return boolean
function AsyncResult:cancel()
  check_process(self, "cancel", 2)
  if self:ready() then return false end
  return self._queue:cancel(self._task)
end

--- The number of the task, counted from 1 in each pool.
---@return integer
function AsyncResult:task_id()
  refusals.dot(self, AsyncResult, "result", "task_id", 2)
  return self._task.id
end

function AsyncResult:__tostring()
  local task = self._task
  return ("workerpool.AsyncResult (task %d, %s)"):format(task.id, task.state or "pending")
end

--- Raises unless this is a list of results of the pool. `level` as in error().
---@param list any
---@param pool table
---@param title string
---@param level integer
local function check_results(list, pool, title, level)
  if type(list) ~= "table" then
    error(("%s: wanted a list of results of apply_async, got %s")
      :format(title, kinds.got(list)), level + 1)
  end
  for i, result in ipairs(list) do
    if getmetatable(result) ~= AsyncResult then
      error(("%s: element %d: wanted a result of apply_async, got %s")
        :format(title, i, kinds.got(result)), level + 1)
    elseif result._queue.pool ~= pool then
      error(("%s: element %d: a result of another pool; each pool waits for its own")
        :format(title, i), level + 1)
    end
  end
end

--- What a caller is given for a task of a queue (async.lua).
---@param queue table
---@param task table
---@return workerpool.AsyncResult
local function new(queue, task)
  return setmetatable({ _queue = queue, _task = task }, AsyncResult)
end

return { new = new, check_list = check_results }
