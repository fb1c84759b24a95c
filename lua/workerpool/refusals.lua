-- What is refused before a call begins, whatever the call: methods called with a
-- dot, pools of another process, workers where there may be none. All blame the
-- caller: `level` counts as in error(), 1 is the line that calls the check.

local kinds = require "workerpool.kinds"
local worker = require "workerpool.worker"

local refusals = {}

--- Raises unless `self` is of the class: a method was called with a dot.
---@param self any
---@param class table
---@param noun string "pool" or "result"
---@param title string the method's name
---@param level integer
function refusals.dot(self, class, noun, title, level)
  if debug.getmetatable(self) == class then return end
  error(("%s: wanted a %s, got %s (methods are called with a colon: %s:%s)")
    :format(title, noun, kinds.got(self), noun, title), level + 1)
end

--- A worker has copies of its host's pools; they are of no use there.
---@param level integer
function refusals.other_process(level)
  error("this pool belongs to the process that made it; a task cannot use it "
    .. "(make a pool of its own, in a pool with daemon = false)", level + 1)
end

--- Raises in a worker of a daemon pool.
---@param level integer
function refusals.daemon(level)
  local current = worker.current()
  if not (current and current.setup.daemon) then return end
  error("a worker of a daemon pool may not start workers of its own "
    .. "(make the outer pool with daemon = false)", level + 1)
end

--- A thread's memory is its host's.
---@param checked table options of the constructor
---@param level integer
function refusals.threads(checked, level)
  if checked.start_method ~= "threading" then return end
  for _, name in ipairs { "memory_limit", "worker_max_memory" } do
    if checked[name] then
      error(("WorkerPool: option '%s': threads share the memory of their process; "
        .. "use another start_method"):format(name), level + 1)
    end
  end
end

--- Raises unless f can be called.
---@param f any
---@param title string
---@param level integer
function refusals.no_function(f, title, level)
  if type(f) == "function" then return end
  local mt = getmetatable(f)
  if type(mt) == "table" and mt.__call then return end
  error(("%s: wanted a function, got %s"):format(title,
    f == nil and "nil" or "a " .. type(f)), level + 1)
end

return refusals
