-- Shows how far a call has come: as a bar on a terminal, as plain lines in a
-- file, or by telling a function or an object of the user's.
--
-- All four have the same two methods. update(snapshot, now) may be called as
-- often as one likes; it draws at most every `mininterval`. close(reason)
-- ends it: without a reason the work was done, "error" and "interrupt" are
-- reasons, and so is any other text. Nothing here runs by itself: no thread,
-- no timer. What a line looks like is decided in meter.lua.

local kinds = require "workerpool.kinds"
local meter = require "workerpool.meter"

local max = math.max
local rep = string.rep

-- What the system knows about files and time. The library puts better
-- functions here than plain Lua has.
local system = {}

-- Plain Lua cannot tell a terminal from a file.
function system.is_tty(_file) return false end

function system.columns(_file) return math.tointeger(tonumber(os.getenv("COLUMNS"))) end

-- Whole seconds only; os.clock would stand still while workers work.
function system.now() return os.time() end

-- Where bars go unless a file is given.
function system.terminal() return io.stderr end

-- A bar has been drawn on this line. A worker tells its host, whose own bar
-- must end below.
function system.reached(_position) end

-- As the C library: the first of the three that is set decides.
function system.utf8()
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = os.getenv(name)
    if value and value ~= "" then
      return value:lower():find("utf%-?8") ~= nil
    end
  end
  return false
end

-- Counting -----------------------------------------------------------------------

-- The rate is that of about the last HORIZON seconds, or of the last
-- HORIZON_TASKS tasks where those take longer: else a bar of long tasks would
-- run towards 0 between two of them.
local HORIZON, HORIZON_TASKS = 3, 10

-- What all kinds share: numbers, the smoothed rate, and when to draw. A
-- kind adds `_draw(p, now)` and `_finish(p, now)`.
---@class workerpool.Progress
local Progress = { __name = "workerpool.progress" }
Progress.__index = Progress

-- Tasks and seconds fade alike, so that many short intervals and a long one
-- weigh the same.
function Progress:_measure(done, now)
  local tasks, seconds = done - self._measured_done, now - self._measured_at
  if seconds <= 0 or tasks < 0 then return end
  local task_time = done > 0 and self:_elapsed(now) / done or math.huge
  local keep = math.exp(-seconds / max(HORIZON, HORIZON_TASKS * task_time))
  self._tasks = (self._tasks or 0) * keep + tasks
  self._seconds = (self._seconds or 0) * keep + seconds
  self._measured_done, self._measured_at = done, now
end

local function estimated(p)
  if p.total and p.rate and p.rate > 0 then
    return max(0, p.total - p.done) / p.rate
  end
end

function Progress:_remember(given)
  local last = self._last
  last.done = given.done or last.done
  last.total = given.total or last.total
  last.failed = given.failed or last.failed
  last.elapsed = given.elapsed or last.elapsed
end

function Progress:_elapsed(now)
  return self._last.elapsed or max(0, now - self._started)
end

function Progress:_snapshot(now)
  local p = self._last
  self:_measure(p.done, now)
  local rate = self._seconds and self._tasks / self._seconds
  local snapshot = {
    done = p.done, total = p.total, failed = p.failed, rate = rate,
    elapsed = self:_elapsed(now),
  }
  snapshot.eta = estimated(snapshot)
  return snapshot
end

-- At the end the rate is that of the whole run.
function Progress:_last_snapshot(reason, now)
  local p, elapsed = self._last, self:_elapsed(now)
  if not reason then p.total = p.done end
  local snapshot = {
    done = p.done, total = p.total, failed = p.failed, elapsed = elapsed,
    rate = elapsed > 0 and p.done / elapsed or nil, stopped = reason,
  }
  snapshot.eta = estimated(snapshot)
  return snapshot
end

--- Takes the numbers of now, and draws when it is time: done, total (nil
--- while unknown), failed, elapsed; what is missing stays as it was.
---@param given table
---@param now? number seconds, of the clock system.now
function Progress:update(given, now)
  if self._closed then return end
  now = now or self._now()
  self:_remember(given)
  if self._drawn_at and now - self._drawn_at < self._mininterval then return end
  self._drawn_at = now
  self:_guarded(self._draw, self:_snapshot(now), now)
end

local REASONS = { error = "task error", interrupt = "interrupted" }

--- Ends it; a second call does nothing. On success (no reason) done is the
--- total.
---@param reason? string
---@param now? number
function Progress:close(reason, now)
  if self._closed then return end
  now = now or self._now()
  reason = reason and (REASONS[reason] or tostring(reason))
  self:_guarded(self._finish, self:_last_snapshot(reason, now), now)
  self._closed = true
end

-- A callback that raised, or that comes back to us, is not called again.
function Progress:_guarded(method, p, now)
  self._closed = true
  method(self, p, now)
  self._closed = false
end

function Progress:__close(err)
  self:close(err ~= nil and "error" or nil)
end

local function class(name)
  local new_class = { __name = name, __close = Progress.__close }
  new_class.__index = new_class
  return setmetatable(new_class, { __index = Progress })
end

local function start(kind, total, opts)
  local now = opts.now or system.now
  local at = now()
  return setmetatable({
    _now = now, _started = at, _mininterval = opts.mininterval or 0.1,
    _measured_done = 0, _measured_at = at, _opts = opts, _closed = false,
    _last = { done = 0, total = total, failed = 0 },
  }, kind)
end

-- A file may be any object with a write method.
local function write(file, text)
  file:write(text)
  local flush = file.flush
  if flush then flush(file) end
end

-- A bar on a terminal ------------------------------------------------------------------

local Bar = class "workerpool.progress.bar"
Bar.is_on_terminal = true

-- The lowest line that any bar of this process has drawn on since the last
-- one on the first line ended: that one must leave the cursor below it.
local lowest = 0

-- One write for one redraw, so that lines of several processes do not tear
-- each other. In between the cursor rests on the first line.
function Bar:_put(text, ending)
  local position = self._opts.position or 0
  local columns = meter.width(text)
  local blanks = rep(" ", max(0, (self._columns_drawn or 0) - columns))
  self._columns_drawn = columns
  if position > lowest then
    lowest = position
    system.reached(position)
  end
  local down, up = rep("\n", position), ""
  if position > 0 then up = ("\r\27[%dA"):format(position) end
  write(self._file, down .. "\r" .. text .. blanks .. up .. (ending or ""))
end

-- The last columns stay free: some terminals break the line at the last, and
-- a terminal that echoes ^C must not break it either.
local FREE_COLUMNS = 3

function Bar:_text(p)
  local columns = self._columns(self._file)
  return meter.render(p, self._opts, columns and max(1, columns - FREE_COLUMNS))
end

function Bar:_draw(p)
  self._shown = self:_text(p)
  self:_put(self._shown)
end

--- Writes whole lines above the bar, which moves down. Bars on further lines
--- find their new places when they are drawn next.
---@param lines string each with its newline
function Bar:print(lines)
  if self._closed then return write(self._file, lines) end
  write(self._file, "\r\27[K" .. lines .. (self._shown or ""))
end

function Bar:_finish(p)
  local first = (self._opts.position or 0) == 0
  local ending = first and rep("\n", lowest) or ""
  if self._opts.leave == false then
    self:_put("", "\r" .. ending)
  else
    self:_put(self:_text(p), first and ending .. "\n" or "")
  end
  if first then lowest = 0 end
end

-- Lines in a file ------------------------------------------------------------------

local Lines = class "workerpool.progress.lines"

local LINE_SECONDS = 10
local LINES = 10 -- so many parts of the total get a line each

local function part_of(p)
  return p.total and p.total > 0 and p.done * LINES // p.total or 0
end

function Lines:_line(p, now)
  self._line_at, self._line_part = now, part_of(p)
  write(self._file, meter.render(p, self._line_options) .. "\n")
end

function Lines:_draw(p, now)
  local due = not self._line_at or now - self._line_at >= LINE_SECONDS
    or part_of(p) > self._line_part
  -- The line of the end is for close to write.
  if due and not (p.total and p.done >= p.total) then self:_line(p, now) end
end

function Lines:_finish(p, now)
  self:_line(p, now)
end

-- Somebody else's bar ----------------------------------------------------------------

local Callback = class "workerpool.progress.callback"

-- The numbers of the end are told once, by close.
function Callback:_draw(p)
  if p.total and p.done >= p.total then return end
  self._tell(p)
end

function Callback:_finish(p)
  self._tell(p)
  if self._end then self._end(p) end
end

local object = kinds.object("update", "close")

--- Tells a function, or an object with update(self, p) and close(self, p),
--- about progress: at most every mininterval, and once at the end, on
--- success with done == total. When the work ended early, p.stopped says why.
---@param target function|table|userdata
---@param total? integer
---@param opts? table mininterval, now
---@return workerpool.Progress
local function callback(target, total, opts)
  local told = start(Callback, total, opts or {})
  if object.check(target) then
    told._tell = function(p) target:update(p) end
    told._end = function(p) target:close(p) end
  else
    told._tell = target
  end
  return told
end

-- Choosing ---------------------------------------------------------------------------

-- Shows nothing.
local Silent = class "workerpool.progress.silent"
function Silent.update() end
function Silent.close() end

-- opts are the user's; the copy also knows what the terminal can show.
local function drawing_options(opts, overrides)
  local copy = {}
  for key, value in pairs(opts) do copy[key] = value end
  for key, value in pairs(overrides) do copy[key] = value end
  if copy.ascii == nil then copy.ascii = not system.utf8() end
  return copy
end

local function bar_on(file, total, opts)
  local bar = start(Bar, total, drawing_options(opts, {}))
  bar._file, bar._columns = file, opts.columns or system.columns
  return bar
end

local function lines_in(file, total, opts)
  local lines = start(Lines, total, opts)
  lines._file = file
  lines._line_options = drawing_options(opts, { ncols = 0 })
  return lines
end

--- A progress bar for `total` tasks (nil while unknown). It draws on a
--- terminal; in any other file it writes plain lines, but only if the file
--- was asked for, else nothing. `opts` are progress_bar_options; is_tty,
--- columns and now may replace the system's, for tests.
---@param total? integer
---@param opts? table
---@return workerpool.Progress
local function new(total, opts)
  opts = opts or {}
  local file = opts.file or system.terminal()
  if opts.style == "none" then return start(Silent, total, opts) end
  if opts.style == "plain" then return lines_in(file, total, opts) end
  if (opts.is_tty or system.is_tty)(file) then return bar_on(file, total, opts) end
  if opts.file then return lines_in(file, total, opts) end
  return start(Silent, total, opts)
end

local function is_progress(v)
  local mt = getmetatable(v)
  return mt == Bar or mt == Lines or mt == Silent
end

--- What the options progress_bar and progress_bar_options ask for: one that has
--- been made by `new` is that itself.
---@param wanted boolean|function|table|userdata
---@param total? integer
---@param opts? table
---@return workerpool.Progress
local function open(wanted, total, opts)
  if not wanted then return start(Silent, total, opts or {}) end
  if wanted == true then return new(total, opts) end
  if is_progress(wanted) then return wanted end
  return callback(wanted, total, opts)
end

--- Bars of other processes have been drawn down to this line.
---@param position integer
local function reach(position)
  lowest = max(lowest, position)
end

return {
  new = new,
  reach = reach,
  open = open,
  callback = callback,
  render = meter.render,
  system = system,
}
