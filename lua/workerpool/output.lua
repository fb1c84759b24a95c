-- What becomes of what workers print: the options of a pool that say so, and
-- the relay, which passes on what the engine has read, in whole lines.
--
-- Lines appear where the host prints, those of standard output there and those
-- of standard error there; above the progress bar where that is the terminal.

local core = require "workerpool.core"
local kinds = require "workerpool.kinds"
local worker = require "workerpool.worker"

local concat = table.concat
local BOTH = core.RELAY_STDOUT | core.RELAY_STDERR

-- A line that is longer is passed on in pieces.
local LONGEST = 1024 * 1024

-- ---- options ------------------------------------------------------------------

--- Fills in `output` and raises when it and other options contradict each
--- other. `level` as in error().
---@param opts table checked options of a pool
---@param level integer
local function resolve(opts, level)
  local prefix = opts.output_prefix or nil
  opts.output = opts.output or prefix and "lines" or "inherit"
  if prefix and opts.output ~= "lines" then
    error(("WorkerPool: option 'output_prefix': only output = 'lines' has prefixes, "
      .. "not '%s'"):format(opts.output), level + 1)
  end
  if opts.start_method == "threading" and opts.output ~= "inherit" then
    error(("WorkerPool: option 'output': '%s' needs workers with a standard output of "
      .. "their own, which threads have not; use another start_method")
      :format(opts.output), level + 1)
  end
end

--- Raises when a call listens to what is not captured. `level` as in error().
---@param opts table checked options of a pool
---@param call table those of a call
---@param title string
---@param level integer
local function check_listener(opts, call, title, level)
  if not call.on_output or opts.output == "capture" then return end
  error(("%s: option 'on_output' needs a pool with output = 'capture'"):format(title),
    level + 1)
end

-- ---- bars ----------------------------------------------------------------------

-- In a worker, whose output may be relayed, bars of nested pools go their own way.
local real_terminal
local function terminal()
  local current = worker.current()
  if not current or current.link:is_thread() then return io.stderr end
  if not real_terminal then
    -- Appending, for it may be a file.
    local fd = current.link:terminal() or 2
    real_terminal = io.open("/proc/self/fd/" .. fd, "a")
    if not real_terminal then return io.stderr end
    real_terminal:setvbuf("full") -- a redraw must be one write
  end
  return real_terminal
end

-- ---- prefixes -------------------------------------------------------------------

local function short(worker_id, task_index)
  if not task_index then return ("[w%d] "):format(worker_id) end
  return ("[w%d #%d] "):format(worker_id, task_index)
end

local function from_template(text)
  return function(worker_id, task_index)
    local values = { worker = worker_id, task = task_index or "-" }
    return (text:gsub("{(%a+)}", values))
  end
end

local function from_function(f)
  return function(worker_id, task_index)
    local text = f(worker_id, task_index)
    if type(text) == "string" then return text end
    error(("output_prefix returned %s; wanted a string"):format(kinds.got(text)), 0)
  end
end

-- A function of worker and task, or nil.
local function prefix_of(wanted)
  if not wanted then return nil end
  if wanted == true then return short end
  if type(wanted) == "string" then return from_template(wanted) end
  return from_function(wanted)
end

-- ---- the relay --------------------------------------------------------------------

local Relay = { __name = "workerpool.Relay" }
Relay.__index = Relay

---@param setup workerpool.Setup
---@return table relay
local function new(setup)
  return setmetatable({
    output = setup.output,
    prefix = prefix_of(setup.output_prefix),
    open = {}, -- lines that have begun, by worker and stream
    bar = nil, -- the progress bar that is on the terminal
  }, Relay)
end

local function file_of(stream)
  return stream == 1 and io.stdout or io.stderr
end

-- Lines that workers wrote over a bar would be no lines any more.
local function on_terminal()
  return (core.is_tty(io.stdout) and core.RELAY_STDOUT or 0)
    | (core.is_tty(io.stderr) and core.RELAY_STDERR or 0)
end

--- For engine:set_output.
---@param has_bar boolean there is a bar on the terminal, or may be one
---@return integer
function Relay:mode(has_bar)
  if self.output == "capture" then return core.CAPTURE end
  if self.output == "lines" then return self.prefix and BOTH | core.RELAY_MARKED or BOTH end
  return has_bar and on_terminal() or 0
end

-- A stream that has been closed, or that nobody reads, is the host's affair:
-- as with print, what cannot be written is lost.
function Relay:show(stream, text)
  local file = file_of(stream)
  if self.bar and core.is_tty(file) then return self.bar:print(text) end
  core.print(file, text)
end

function Relay:pass_on(w, stream, lines, task_index)
  local prefix = self.prefix
  if prefix then
    self.prefix = nil -- a function that raises is not asked again
    lines = lines:gsub("[^\n]*\n", function(line) return prefix(w, task_index) .. line end)
    self.prefix = prefix
  end
  self:show(stream, lines)
end

-- Ends the line that a worker has begun, if any.
function Relay:end_line(w, stream)
  local key = w << 1 | stream - 1
  local line = self.open[key]
  if not line then return end
  self.open[key] = nil
  line[#line + 1] = "\n"
  self:pass_on(w, stream, concat(line), line.task_index)
end

function Relay:begin_line(w, stream, text, task_index)
  if text == "" then return end
  self.open[w << 1 | stream - 1] = { text, size = #text, task_index = task_index }
end

-- More of a line that has begun.
function Relay:go_on(w, stream, text)
  local line = self.open[w << 1 | stream - 1]
  line[#line + 1] = text
  line.size = line.size + #text
  if line.size > LONGEST then self:end_line(w, stream) end
end

--- Takes what a worker has printed.
---@param w integer
---@param stream integer 1: standard output, 2: standard error
---@param text string
---@param tag? integer of the task, where there are prefixes
function Relay:take(w, stream, text, tag)
  local task_index = tag and tag & core.TAG_INDEX
  local begun = self.open[w << 1 | stream - 1]
  if begun and begun.task_index ~= task_index then
    self:end_line(w, stream)
    begun = nil
  end
  local lines, rest = text:match("^(.*\n)([^\n]*)$")
  if not lines then
    if begun then return self:go_on(w, stream, text) end
    return self:begin_line(w, stream, text, task_index)
  end
  if begun then
    begun[#begun + 1] = lines
    self.open[w << 1 | stream - 1] = nil
    lines = concat(begun)
  end
  self:pass_on(w, stream, lines, task_index)
  self:begin_line(w, stream, rest, task_index)
end

--- A worker has ended: so has its last line.
---@param w integer
function Relay:finish(w)
  self:end_line(w, 1)
  self:end_line(w, 2)
end

return {
  new = new, resolve = resolve, check_listener = check_listener, terminal = terminal,
}
