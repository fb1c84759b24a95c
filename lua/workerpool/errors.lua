-- The error object of a failed task, and the texts that explain a worker's
-- death.
--
-- Wrong use of the library raises plain strings. What goes wrong *inside* a
-- task is a TaskError: a table of plain fields, so that it can travel between
-- processes, whose text reads well when nobody catches it: first what went
-- wrong, then which task on which worker, then the worker's own traceback.

-- A task may have set these to anything by the time an error is described.
local debug, ipairs, math, pcall, rawget, setmetatable, string, table, tostring, type =
  debug, ipairs, math, pcall, rawget, setmetatable, string, table, tostring, type

local preview_room = require "workerpool.preview"

local preview, type_name = preview_room.preview, preview_room.type_name
local concat = table.concat
local format = string.format

---@alias workerpool.ErrorKind
---| '"error"'     the function raised
---| '"timeout"'   it ran too long
---| '"crash"'     its worker died
---| '"memory"'    it wanted more memory than it may have
---| '"cancelled"' it was cancelled
---| '"encode"'    a value cannot travel

---@class workerpool.TaskError
---@field kind workerpool.ErrorKind
---@field message string
---@field cause? any the value that was thrown, if it can travel
---@field traceback? string the worker's
---@field worker_id? integer
---@field task_index? integer
---@field args? string a short preview of the arguments
---@field attempt? integer 1 for the first
---@field signal? string such as "SIGSEGV", for a crash
---@field exit_code? integer for a crash
---@field output? string what the task had printed, if the pool captures that
---@field hint? string what may be behind it
---@field results? any what was finished when the error ended the call
local TaskError = { __name = "workerpool.TaskError" }
TaskError.__index = TaskError

local KINDS = {
  error = true, timeout = true, crash = true,
  memory = true, cancelled = true, encode = true,
}

local FIELDS = {
  "kind", "message", "cause", "traceback", "worker_id", "task_index", "args",
  "attempt", "signal", "exit_code", "hint", "output", "results",
}

-- The text of a thrown value. Unlike a preview this asks the value itself:
-- an error object knows best how it reads. It may be broken, though.
local function message_of(cause)
  if type(cause) == "string" or type(cause) == "number" then return tostring(cause) end
  local mt = debug.getmetatable(cause)
  if type(mt) == "table" and rawget(mt, "__tostring") then
    local ok, text = pcall(tostring, cause)
    if ok and type(text) == "string" then return text end
  end
  if type(cause) == "table" then
    local text = rawget(cause, "message") or rawget(cause, "msg")
    if type(text) == "string" then return text end
  end
  return format("(error object is %s)", preview({ cause }, 1))
end

--- Makes the error of a failed task. Without a message, the cause's text
--- serves; arguments given as a list become their preview.
---@param fields table the fields of workerpool.TaskError
---@return workerpool.TaskError
local function new(fields)
  local err = {}
  for _, name in ipairs(FIELDS) do
    err[name] = fields[name]
  end
  err.kind = err.kind or "error"
  assert(KINDS[err.kind], "unknown kind of task error")
  if type(err.args) == "table" then err.args = preview(err.args) end
  if type(err.message) ~= "string" then
    err.message = err.message ~= nil and message_of(err.message)
      or err.cause ~= nil and message_of(err.cause)
      or err.kind == "error" and "(error object is nil)"
      or err.kind
  end
  return setmetatable(err, TaskError)
end

--- Is this value the error of a failed task?
---@param v any
---@return boolean
local function is_error(v)
  return type(v) == "table" and debug.getmetatable(v) == TaskError
end

--- Is this the error that Ctrl-C raises, by the interpreter's hook or by that
--- of the program `workerpool`? See src/interrupt.h. A message handler may have
--- added a traceback before a block is closed.
---@param v any
---@return boolean
local function is_interrupt(v)
  return type(v) == "string" and (v .. "\n"):find("interrupted!\n", 1, true) ~= nil
end

-- When memory or the C stack runs out, Lua has no room for a handler and only a
-- string arrives.
local function unhandled(cause, output)
  local err = new { message = message_of(cause), cause = cause, output = output }
  if err.message:find("not enough memory", 1, true) then
    err.kind = "memory"
    err.hint = "the task wanted more memory than memory_limit, or the system, allows"
  end
  return err
end

-- C wraps what has a mark, as it can in want of memory, in a table: what cannot be
-- read, in task_results.c, and what came without a handler, with what the task had
-- printed, in bind_output.c.
local function unwrapped(value)
  if type(value) ~= "table" or debug.getmetatable(value) then return unhandled(value) end
  local cause = value.unreadable
  if cause ~= nil then
    return new {
      kind = "encode", message = "cannot read the result: " .. message_of(cause), cause = cause,
    }
  end
  if value.output ~= nil then return unhandled(value[1], value.output) end
  return unhandled(value)
end

-- The error object of whatever a worker sent as one.
local function from(value, task_index, worker_id)
  if is_error(value) then return value end
  local err = unwrapped(value)
  err.task_index, err.worker_id = task_index, worker_id
  return err
end

-- "task 17 (args: 3, "x") on worker 2, attempt 1", as far as it is known.
local function where(err)
  local parts = {}
  if err.task_index then
    parts[1] = format("task %s", err.task_index)
  end
  if err.args and err.args ~= "" then
    parts[#parts + 1] = format("(args: %s)", err.args)
  end
  if err.worker_id then
    parts[#parts + 1] = format("on worker %s", err.worker_id)
  end
  local text = concat(parts, " ")
  if err.attempt and text ~= "" then
    text = format("%s, attempt %s", text, err.attempt)
  end
  return text ~= "" and text or nil
end

-- The traceback without what our own lines say already: the message, if
-- debug.traceback was given one, and its heading.
local function traceback_lines(err)
  local text, message = err.traceback, err.message
  if text:sub(1, #message) == message then
    text = text:sub(#message + 1)
  end
  text = text:gsub("^%s*stack traceback:", ""):gsub("^%s*\n", "")
  local lines = {}
  for line in text:gmatch("[^\n]+") do
    lines[#lines + 1] = "  " .. line:gsub("^%s+", ""):gsub("%s+$", "")
  end
  return lines
end

-- The end of what the task has printed; all of it is in err.output.
local MOST_LINES = 50

local function add_output(lines, output)
  local all = {}
  for line in (output:gsub("\n$", "") .. "\n"):gmatch("([^\n]*)\n") do all[#all + 1] = line end
  local first = #all > MOST_LINES and #all - MOST_LINES + 1 or 1
  if first > 1 then lines[#lines + 1] = format("  (%d lines before)", first - 1) end
  for i = first, #all do lines[#lines + 1] = "  " .. all[i] end
end

function TaskError.__tostring(err)
  local lines = { tostring(rawget(err, "message")) }
  lines[#lines + 1] = where(err)
  if err.hint then lines[#lines + 1] = "hint: " .. err.hint end
  if type(err.traceback) == "string" and err.traceback ~= "" then
    lines[#lines + 1] = "worker traceback:"
    for _, line in ipairs(traceback_lines(err)) do
      lines[#lines + 1] = line
    end
  end
  if type(err.output) == "string" and err.output ~= "" then
    lines[#lines + 1] = "output:"
    add_output(lines, err.output)
  end
  return concat(lines, "\n")
end

-- Linux on x86, ARM, RISC-V and POWER; the few others number a few of them
-- differently.
local SIGNALS = {
  "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS",
  "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM",
  "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",
  "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM",
  "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
}
local FIRST_REAL_TIME, LAST_REAL_TIME = 34, 64

--- The name of a Linux signal number: 11 is "SIGSEGV".
---@param n integer
---@return string
local function signal_name(n)
  if SIGNALS[n] then return SIGNALS[n] end
  if n == FIRST_REAL_TIME then return "SIGRTMIN" end
  if n > FIRST_REAL_TIME and n <= LAST_REAL_TIME then
    return format("SIGRTMIN+%d", n - FIRST_REAL_TIME)
  end
  return format("signal %d", n)
end

local HINTS = {
  SIGKILL = "killed from outside, perhaps by the kernel for want of memory",
  SIGSEGV = "a C library crashed",
  SIGBUS = "a C library crashed, or shared memory or a mapped file was cut short",
  SIGILL = "a C library crashed, or was built for another processor",
  SIGFPE = "a C library divided by zero",
  SIGABRT = "a C library gave up: a failed assertion, or damaged memory",
  SIGTERM = "asked to end from outside",
  SIGHUP = "asked to end from outside: its terminal was closed",
  SIGINT = "interrupted from outside",
  SIGXCPU = "it used up its limit of processor time",
  SIGXFSZ = "it wrote a file beyond the size limit",
  SIGSYS = "a sandbox refused a system call",
  SIGPIPE = "it wrote to a pipe or socket that nobody reads",
}
local EXIT_HINT = "os.exit in a task ends its worker"

local PHASES = {
  start = "while starting",
  worker_init = "while running worker_init",
  worker_exit = "while running worker_exit",
  idle = "while waiting for work",
}

local function how(signal, exit_code)
  if signal then return "died from " .. signal end
  if exit_code then return format("called exit with status %d", exit_code) end
  return "died"
end

local function doing(fields)
  if PHASES[fields.phase] then return " " .. PHASES[fields.phase] end
  if fields.task_index then
    return format(" while running task %s", fields.task_index)
  end
  return fields.phase == "task" and " while running a task" or ""
end

--- The error for a worker that died. `signal` is a number or a name; `phase`
--- is "task" (the default), "worker_init", "worker_exit", "start" or "idle".
--- A `hint` given by the caller, who may know more, wins over the usual one.
---@param fields table signal or exit_code, worker_id, task_index, args, phase …
---@return workerpool.TaskError
local function crash(fields)
  local signal = fields.signal
  if math.type(signal) == "integer" then signal = signal_name(signal) end
  local err = new {
    kind = "crash",
    message = format("worker %s %s%s", fields.worker_id or "?",
      how(signal, fields.exit_code), doing(fields)),
    signal = signal,
    exit_code = fields.exit_code,
    hint = fields.hint or HINTS[signal] or fields.exit_code and EXIT_HINT or nil,
  }
  for _, name in ipairs { "worker_id", "task_index", "attempt", "traceback", "output", "results",
    "cause" } do
    err[name] = fields[name]
  end
  err.args = type(fields.args) == "table" and preview(fields.args) or fields.args
  return err
end

--- Of all that is not over when a pool is terminated.
local function terminated()
  return new { kind = "cancelled", message = "the pool was terminated" }
end

return {
  TaskError = TaskError,
  new = new,
  is_error = is_error,
  is_interrupt = is_interrupt,
  from = from,
  crash = crash,
  terminated = terminated,
  message_of = message_of,
  preview = preview,
  signal_name = signal_name,
  type_name = type_name,
}
