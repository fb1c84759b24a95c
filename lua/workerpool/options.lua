-- Every option of the library, described once: its name, what it may be, its
-- default, one sentence, and the calls that take it. The checks of calls,
-- --help and the manual are all made from this list.
--
-- `problem` is the pure part: a table of options becomes a checked copy with
-- defaults, or a message. `check` raises that message at the caller's line.

local kinds = require "workerpool.kinds"
local meter = require "workerpool.meter"
local pinning = require "workerpool.pinning"
local spelling = require "workerpool.spelling"
local preview = require("workerpool.preview").preview

local format = string.format

local MOST_WORKERS = 1024
local MIB = 1024 * 1024
local LONGEST_NAME = 60

-- What each kind of call is called in messages.
local CALLS = {
  constructor = "WorkerPool",
  map = "map",
  apply = "apply",
  progress = "progress_bar_options",
  chunk = "chunk_tasks",
}

local colour = kinds.that("string",
  "the name of a terminal colour or \"#rrggbb\"",
  function(v) return type(v) == "string" and meter.colour_code(v) ~= nil, v end)

local integer, number, count = kinds.integer, kinds.number, kinds.count
local boolean, seconds, callable = kinds.boolean(), kinds.seconds(), kinds.callable()
local either = kinds.either

local MAP_AND_APPLY = { "map", "apply" }

-- name, calls, kind, default, sentence. `default_text` tells of a default
-- that is found out later.
local LIST = {
  { "n_jobs", "constructor", integer(0, MOST_WORKERS), nil,
    "number of workers; 0 runs every task in the calling process",
    default_text = "cpu_count(), or $WORKERPOOL_JOBS" },
  { "daemon", "constructor", boolean, true,
    "workers may not start pools of their own; false allows it" },
  { "cpu_ids", "constructor", pinning.kind, nil,
    "the CPUs that workers are pinned to: one or a set, for all or for each worker" },
  { "shared_objects", "constructor", kinds.any(), nil,
    "a value that is handed to every task" },
  { "pass_worker_id", "constructor", boolean, false,
    "hand the worker's number, counted from 0, to every function" },
  { "use_worker_state", "constructor", boolean, false,
    "hand a table that is private to the worker to every function" },
  { "start_method", "constructor",
    kinds.one_of("fork", "forkserver", "spawn", "threading"), "fork",
    "how workers start" },
  { "keep_alive", "constructor", boolean, false,
    "keep workers between calls" },
  { "order_tasks", "constructor", boolean, false,
    "give chunk k to worker k mod n_jobs" },
  { "enable_insights", "constructor", boolean, false,
    "measure what workers spend their time on" },
  { "seed", "constructor", integer(), nil,
    "gives every task a random stream that depends only on this and the task's number" },
  { "memory_limit", "constructor", integer(MIB), nil,
    "most bytes of private memory of a worker; a task that needs more fails" },
  { "worker_max_memory", "constructor", integer(MIB), nil,
    "bytes of private memory after which a worker is replaced between chunks" },
  { "output", "constructor", kinds.one_of("inherit", "lines", "capture"), nil,
    "what becomes of what workers print: it goes where the host prints, the host passes on "
    .. "whole lines, or it is kept and comes with the task's error",
    default_text = '"inherit"; "lines" with output_prefix' },
  { "output_prefix", "constructor", either(boolean, kinds.string(), callable), nil,
    "what stands before each line that workers print: true for [w3 #17], a text with "
    .. "{worker} and {task}, or a function of the two" },

  { "iterable_len", { "map", "chunk" }, count(), nil,
    "most tasks to take; the length of an iterator for those who need one" },
  { "chunk_size", { "map", "chunk" }, number(1), nil,
    "tasks in one message, may be fractional", default_text = "adaptive" },
  { "n_splits", { "map", "chunk" }, integer(1), nil,
    "number of chunks; chunk_size, if given as well, wins" },
  { "max_tasks_active", "map", integer(1), nil,
    "most tasks taken from the iterator and not yet returned",
    default_text = "enough to keep all workers busy" },
  { "worker_lifespan", "map", integer(1), nil,
    "tasks after which a worker is replaced" },
  { "worker_init", MAP_AND_APPLY, callable, nil,
    "called once in each worker before its first task" },
  { "worker_exit", MAP_AND_APPLY, callable, nil,
    "called once in each worker at its normal end; get_exit_results has what it returns" },
  { "task_timeout", MAP_AND_APPLY, seconds, nil,
    "seconds that one task may run" },
  { "worker_init_timeout", MAP_AND_APPLY, seconds, nil,
    "seconds that worker_init may run" },
  { "worker_exit_timeout", MAP_AND_APPLY, seconds, nil,
    "seconds that worker_exit may run" },
  { "progress_bar", "map",
    either(boolean, kinds.object("update", "close"), callable), false,
    "true draws a bar; a function or an object is told about progress instead" },
  { "progress_bar_options", "map", kinds.options(), nil,
    "how the bar looks and where it goes", default_text = "{}" },
  { "on_error", "map", either(kinds.one_of("raise", "collect"), callable), "raise",
    "what a failed task does: end the call, or take its place among the results; "
    .. "a function decides each time" },
  { "retries", MAP_AND_APPLY, integer(0), 0,
    "how often a failed task is tried again" },
  { "retry_delay", "map", either(number(0), callable), 0,
    "seconds before a task is tried again, or a function of the attempt" },
  { "on_message", "map", callable, nil,
    "receives task_index and what the task emits" },
  { "on_output", MAP_AND_APPLY, callable, nil,
    "with output = \"capture\": receives task_index and what the task has printed" },
  { "restart_workers", "map", boolean, nil,
    "true starts fresh workers, false uses live ones",
    default_text = "as keep_alive says" },
  { "trace", "map", kinds.path(), nil,
    "file that the run is written to as Chrome trace events" },

  { "callback", "apply", callable, nil,
    "called with the results when the task succeeds" },
  { "error_callback", "apply", callable, nil,
    "called with the error when the task fails" },

  { "desc", "progress", kinds.string(), nil, "text before the bar" },
  { "unit", "progress", kinds.string(), "task", "what one step is called" },
  { "position", "progress", integer(0), 0,
    "line of the bar, counted from 0 downwards" },
  { "ncols", "progress", integer(0), nil,
    "width of the whole line; 0 leaves the bar out",
    default_text = "the width of the terminal" },
  { "ascii", "progress", either(boolean, kinds.string()), nil,
    "draw with # and digits, or with the characters of a string, from empty to full",
    default_text = "true unless the terminal shows UTF-8" },
  { "colour", "progress", colour, nil, "colour of the bar" },
  { "mininterval", "progress", number(0), 0.1,
    "least number of seconds between two updates" },
  { "file", "progress", kinds.object("write"), nil,
    "where to draw; lines are written when it is no terminal",
    default_text = "io.stderr, if it is a terminal" },
  { "leave", "progress", boolean, true, "keep the bar on the screen at the end" },
  { "style", "progress", kinds.one_of("std", "rich", "plain", "none"), "std",
    "how to draw: blocks, a thin line, plain lines of text, or nothing" },
}

-- For each kind of call the descriptions by name, and the names in order.
local known, names = {}, {}
for call in pairs(CALLS) do
  known[call], names[call] = {}, {}
end
for i, row in ipairs(LIST) do
  local calls = type(row[2]) == "table" and row[2] or { row[2] }
  local option = {
    name = row[1], calls = calls, kind = row[3], default = row[4], text = row[5],
    default_text = row.default_text,
  }
  LIST[i] = option
  for _, call in ipairs(calls) do
    known[call][option.name] = option
    table.insert(names[call], option.name)
  end
end

-- "map and apply", or nil.
local function owners_of(name)
  local titles = {}
  for _, call in ipairs { "constructor", "map", "apply", "progress", "chunk" } do
    if known[call][name] then titles[#titles + 1] = CALLS[call] end
  end
  return titles[1] and table.concat(titles, " and ")
end

local function unknown(call, key)
  if type(key) ~= "string" then
    return format("options are given by name, got one under the key %s",
      preview({ key }, 1))
  end
  local remark = ""
  local guess = spelling.nearest(key, names[call])
  if guess then
    remark = format(" (did you mean '%s'?)", guess)
  elseif owners_of(key) then
    remark = format(" (it is an option of %s)", owners_of(key))
  end
  return format("unknown option '%s'%s", key:sub(1, LONGEST_NAME), remark)
end

-- The first unknown key in alphabetical order, so that the same mistake
-- always gives the same message.
local function unknown_key(call, given)
  local first
  for key in next, given do
    if not known[call][key] and (first == nil or tostring(key) < tostring(first)) then
      first = key
    end
  end
  return first
end

local function not_a_table(title, given)
  local remark = ""
  if title == CALLS.constructor and math.type(given) == "integer" then
    remark = format(" (did you mean WorkerPool{ n_jobs = %d }?)", given)
  end
  return format("%s: options must be a table, got %s%s", title, kinds.got(given), remark)
end

local problem

-- Puts what is given for an option among those that are checked, or returns what is
-- wrong with it.
local function take(checked, option, value, title)
  local name = option.name
  if name == "progress_bar_options" and type(value) == "table" then
    local of_bar, wrong = problem("progress", value, title .. ": progress_bar_options")
    checked[name] = of_bar
    return wrong
  end
  local ok, used = option.kind.check(value)
  checked[name] = used
  return not ok and format("%s: option '%s': wanted %s, got %s",
    title, name, option.kind.wanted, kinds.got(value)) or nil
end

-- What a call without options gets. Nobody writes into the options of a call,
-- only into those of a pool.
local defaults = {}
for _, call in ipairs { "progress", "constructor", "map", "apply", "chunk" } do
  defaults[call] = {}
  for _, name in ipairs(names[call]) do
    local option = known[call][name]
    if option.default ~= nil then take(defaults[call], option, option.default, "") end
  end
end
defaults.map.progress_bar_options = defaults.progress

local function with_defaults(call)
  local checked = {}
  for name, value in next, defaults[call] do checked[name] = value end
  return checked
end

-- The first in the order of the list that is wrong is the one that is told.
local function take_all(call, given, title)
  local checked = with_defaults(call)
  for _, name in ipairs(names[call]) do
    local value = given[name]
    local message = value ~= nil and take(checked, known[call][name], value, title)
    if message then return nil, message end
  end
  return checked
end

-- The same, where a call need not look for what it has not been given: nil when
-- something is wrong, or may be inherited.
local function take_given(call, given, title)
  if debug.getmetatable(given) then return nil end
  local checked, options = with_defaults(call), known[call]
  for key, value in next, given do
    local option = options[key]
    if not option or take(checked, option, value, title) then return nil end
  end
  return checked
end

--- Checks options without raising: the checked copy with defaults, or nil
--- and a message.
---@param call string "constructor", "map", "apply", "progress" or "chunk"
---@param given table?
---@param title? string what to call the call in messages
---@return table? checked
---@return string? message
function problem(call, given, title)
  title = title or CALLS[call]
  if given == nil then given = {} end
  if type(given) ~= "table" then return nil, not_a_table(title, given) end
  local checked = take_given(call, given, title)
  if checked then return checked end
  local stray = unknown_key(call, given)
  if stray ~= nil then return nil, title .. ": " .. unknown(call, stray) end
  return take_all(call, given, title)
end

--- Checks options and fills in defaults; raises on any mistake. `level`
--- counts as in error(): 1 blames the line that calls check, 2 the line that
--- called the function in which that line stands.
---@param call string "constructor", "map", "apply", "progress" or "chunk"
---@param given table?
---@param level? integer 1 unless given
---@param title? string what to call the call in messages, such as "imap"
---@return table checked
local function check(call, given, level, title)
  if given == nil and call ~= "constructor" then return defaults[call] end
  local checked, message = problem(call, given, title)
  if not checked then error(message, (level or 1) + 1) end
  return checked
end

--- Raises unless `value` is nil or a number of seconds to wait; one below 0
--- is as good as 0.
---@param value any
---@param title string such as "poll: seconds"
---@param level? integer as in check
local function check_seconds(value, title, level)
  if value == nil or type(value) == "number" and value == value then return end
  error(format("%s: wanted a number of seconds, got %s", title, kinds.got(value)),
    (level or 1) + 1)
end

--- The number of workers in $WORKERPOOL_JOBS: an integer, nil when the
--- variable is not set or empty, or nil and a message when it makes no sense.
---@param text string? the variable's value
---@return integer? n_jobs
---@return string? message
local function jobs_from_environment(text)
  if text == nil or text == "" then return nil end
  local kind = known.constructor.n_jobs.kind
  local ok, n = kind.check(text:find("^%s*%d+%s*$") and math.tointeger(tonumber(text)))
  if ok then return n end
  return nil, format("$WORKERPOOL_JOBS: wanted %s, got %q", kind.wanted, text)
end

--- All options, for manuals and --help: a fresh list of records with `name`,
--- `calls`, `type`, `wanted`, `min`, `max`, `default`, `default_text`, `text`.
---@param call? string only those of this call
---@return table[]
local function describe(call)
  local list = {}
  for _, option in ipairs(LIST) do
    if not call or known[call][option.name] then
      local kind = option.kind
      local default_text = option.default_text
      if not default_text and option.default ~= nil then
        default_text = preview({ option.default }, 1)
      end
      list[#list + 1] = {
        name = option.name, calls = { table.unpack(option.calls) }, text = option.text,
        type = kind.type, wanted = kind.wanted, min = kind.min, max = kind.max,
        default = option.default, default_text = default_text or "nil",
      }
    end
  end
  return list
end

return {
  check = check,
  problem = problem,
  check_cpu_ids = pinning.check,
  check_seconds = check_seconds,
  jobs_from_environment = jobs_from_environment,
  describe = describe,
}
