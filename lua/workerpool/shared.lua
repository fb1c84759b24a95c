-- Shared memory: what a host, its workers and theirs have in common. The
-- objects are made in C (bind_shared*.c); here their options are checked.

local core = require "workerpool.core"
local kinds = require "workerpool.kinds"
local spelling = require "workerpool.spelling"

local shared = {}

-- Called by a check that a constructor calls, it blames the constructor's caller.
local function fail(name, text, ...)
  error(name .. ": " .. text:format(...), 4)
end

-- Options are few, so each constructor lists its own: { name = kind }.
local function check_options(name, given, known)
  if given == nil then return {} end
  if type(given) ~= "table" then
    fail(name, "wanted a table of options, got %s", kinds.got(given))
  end
  local options = {}
  for key, value in pairs(given) do
    local kind = known[key]
    if not kind then
      local names = {}
      for known_name in pairs(known) do names[#names + 1] = known_name end
      local near = type(key) == "string" and spelling.nearest(key, names)
      fail(name, "unknown option '%s'%s", tostring(key),
        near and (" (did you mean '%s'?)"):format(near) or "")
    end
    local ok, use = kind.check(value)
    if not ok then
      fail(name, "%s: wanted %s, got %s", key, kind.wanted, kinds.got(value))
    end
    options[key] = use
  end
  return options
end

local function check_count(name, what, value, low, high)
  local kind = kinds.integer(low, high)
  local ok, n = kind.check(value)
  if not ok then fail(name, "%s: wanted %s, got %s", what, kind.wanted, kinds.got(value)) end
  return n
end

-- Messages from C get the position of the constructor's caller, who stands at
-- level 2, for this is a tail call.
local function made(ok, ...)
  if not ok then error((...), 2) end
  return ...
end

local function check_typecode(name, typecode)
  if type(typecode) ~= "string" then
    fail(name, "typecode: wanted a string such as \"d\", got %s", kinds.got(typecode))
  end
end

local HOLD_NUMBERS = { table = true, string = true, userdata = true }
local LOCKED = { lock = kinds.boolean() }

--- Numbers of one type, at 1 … n, all 0 or as in the list (table, Array, or
--- string of raw bytes). `lock = false` makes one without :lock().
---@param typecode string
---@param n_or_list integer|table|string
---@param options? { lock?: boolean }
---@return workerpool.Array
function shared.Array(typecode, n_or_list, options)
  check_typecode("Array", typecode)
  options = check_options("Array", options, LOCKED)
  if type(n_or_list) == "number" then
    n_or_list = check_count("Array", "length", n_or_list, 0)
  elseif not HOLD_NUMBERS[type(n_or_list)] then
    error("Array: wanted a length or a list, got " .. kinds.got(n_or_list), 2)
  end
  return made(pcall(core.shared_array, typecode, n_or_list, options.lock ~= false))
end

--- One number, in `.value`.
---@param typecode string
---@param initial? number
---@param options? { lock?: boolean }
---@return workerpool.Value
function shared.Value(typecode, initial, options)
  check_typecode("Value", typecode)
  options = check_options("Value", options, LOCKED)
  return made(pcall(core.shared_value, typecode, initial, options.lock ~= false))
end

---@return workerpool.Lock
function shared.Lock()
  return made(pcall(core.shared_lock))
end

---@return workerpool.Event
function shared.Event()
  return made(pcall(core.shared_event))
end

--- A counter of permits: at first n.
---@param n? integer
---@return workerpool.Semaphore
function shared.Semaphore(n)
  n = check_count("Semaphore", "permits", n == nil and 1 or n, 0, 0x7fffffff)
  return made(pcall(core.shared_semaphore, n))
end

--- A place where n processes wait for each other.
---@param n integer
---@return workerpool.Barrier
function shared.Barrier(n)
  n = check_count("Barrier", "parties", n, 1, core.limits.workers)
  return made(pcall(core.shared_barrier, n))
end

local MOST_ITEMS, MOST_BYTES = 1 << 24, 1 << 36
local DEFAULT_ITEM_BYTES, DEFAULT_ENTRY_BYTES = 1024, 256

local QUEUE = { item_bytes = kinds.integer(1, MOST_BYTES) }

--- A queue of values, for any number of writers and readers. It holds
--- `capacity` values, which together have capacity * item_bytes bytes.
---@param capacity integer
---@param options? { item_bytes?: integer }
---@return workerpool.Queue
function shared.Queue(capacity, options)
  capacity = check_count("Queue", "capacity", capacity, 1, MOST_ITEMS)
  local item_bytes = check_options("Queue", options, QUEUE).item_bytes or DEFAULT_ITEM_BYTES
  return made(pcall(core.shared_queue, capacity, math.min(capacity * item_bytes, MOST_BYTES)))
end

local DICT = { capacity = kinds.integer(1, MOST_ITEMS), bytes = kinds.integer(1024, MOST_BYTES) }

--- A table of scalars to values, of `capacity` keys at most, whose keys and
--- values have `bytes` bytes at most.
---@param options? { capacity?: integer, bytes?: integer }
---@return workerpool.Dict
function shared.Dict(options)
  options = check_options("Dict", options, DICT)
  local capacity = options.capacity or 1 << 16
  return made(pcall(core.shared_dict, capacity,
    options.bytes or math.min(math.max(capacity * DEFAULT_ENTRY_BYTES, 1 << 16), MOST_BYTES)))
end

--- Objects, their bytes, handles in this process, and how often the heap was
--- repaired after a process had died in the middle of a change.
---@return { objects: integer, bytes: integer, handles: integer, repairs: integer }
function shared.figures()
  return core.shared_figures()
end

return shared
