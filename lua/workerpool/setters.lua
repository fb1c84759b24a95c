-- The setters of a pool. What they set counts from the next call on.

local options = require "workerpool.options"
local refusals = require "workerpool.refusals"

-- Blames the line that called the setter.
local function set(class, pool, title, name, value)
  refusals.dot(pool, class, "pool", title, 3)
  if value == nil then value = true end
  local checked = options.check("constructor", { [name] = value }, 3, title)
  pool.opts[name] = checked[name]
end

-- Adds them to a class with `opts`.
---@param class table
local function extend(class)
  --- Hands the worker's id to every function, from the next call on.
  ---@param on? boolean true
  function class:pass_on_worker_id(on)
    set(class, self, "pass_on_worker_id", "pass_worker_id", on)
  end

  --- Hands a table that is private to the worker to every function, from the
  --- next call on.
  ---@param on? boolean true
  function class:set_use_worker_state(on)
    set(class, self, "set_use_worker_state", "use_worker_state", on)
  end

  --- Keeps workers between calls, or no longer.
  ---@param on? boolean true
  function class:set_keep_alive(on)
    set(class, self, "set_keep_alive", "keep_alive", on)
  end

  --- Gives chunk k to worker k mod n_jobs, from the next call on.
  ---@param on? boolean true
  function class:set_order_tasks(on)
    set(class, self, "set_order_tasks", "order_tasks", on)
  end

  --- Hands a value to every task, from the next call on; nil: none. A table is
  --- handed out as it is then, also one that was set before and has changed since.
  ---@param value any
  function class:set_shared_objects(value)
    refusals.dot(self, class, "pool", "set_shared_objects", 2)
    self.opts.shared_objects = value
    if type(value) == "table" then self.opts.shared_version = {} end
  end
end

return { extend = extend }
