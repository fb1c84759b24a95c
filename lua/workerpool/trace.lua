-- A trace: one call of the map family as Chrome trace events, a file that
-- Perfetto and chrome://tracing open. The first row is the calling process:
-- encoding chunks, taking results, waiting. Below it is a row for each worker
-- with its start, its chunks, and in them the tasks that are not too short.
--
-- The methods of the call and its crew are wrapped while it is traced, so a
-- call that is not traced pays nothing. Events are kept as they come, in few
-- large pieces, and made into text at the end.

local core = require "workerpool.core"
local errors = require "workerpool.errors"

local format, unpack_from = string.format, string.unpack

-- Enough for any eye; what is left out is counted.
local MOST_TASKS, MOST_EVENTS = 200000, 200000

local SHORTEST_WAIT = 5e-6 -- seconds; looking costs about as much

local HOST = 0 -- the row of the calling process; worker w has row w + 1

local Trace = { __name = "workerpool.Trace" }
Trace.__index = Trace

-- ---- collecting -----------------------------------------------------------------

-- row, name, category, from, to [, args as JSON]
function Trace:add(...)
  if #self.events >= MOST_EVENTS then
    self.left_out = self.left_out + 1
    return
  end
  self.events[#self.events + 1] = { ... }
end

local CHUNK_ARGS = '{"tasks":%d,"decode_ms":%.6f,"work_ms":%.6f,"encode_ms":%.6f,'
  .. '"wait_for_room_ms":%.6f}'

local function chunk_name(index, count)
  if count == 1 then return format("task %d", index) end
  return format("tasks %d-%d", index, index + count - 1)
end

-- What a worker tells: Worker:tell and bind_parcel.c.
function Trace:worker_did(w, index, values)
  local first = values[1]
  if type(first) == "string" then
    return self:add(w + 1, first, "worker", values[2], values[3])
  end
  local _, began, ended, decode, work, encode, room, tasks = table.unpack(values, 1, 8)
  self:add(w + 1, chunk_name(index, first), "chunk", began, ended, format(CHUNK_ARGS,
    first, decode * 1e3, work * 1e3, encode * 1e3, room * 1e3))
  if first > 1 and tasks ~= "" then
    self.tasks[#self.tasks + 1] = { w + 1, index, tasks }
  end
end

-- A worker died with a parcel, of which nothing else is told.
function Trace:lost(w, index, ending)
  self:add(w + 1, format("worker %d died at task %d", w, index), "lost", core.now(), nil,
    format('{"signal":%d,"timeout":%s}', ending.signal or 0, tostring(ending.timeout ~= nil)))
end

-- Wraps a method of `object` so that its time becomes an event of the host.
function Trace:time(object, method, name)
  local original = object[method]
  object[method] = function(...)
    local began = core.now()
    local results = table.pack(original(...))
    self:add(HOST, name, "host", began, core.now())
    return table.unpack(results, 1, results.n)
  end
end

-- ---- writing ----------------------------------------------------------------------

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\" }

local function quoted(text)
  text = text:gsub('[%c"\\]', function(c)
    return ESCAPES[c] or format("\\u%04x", c:byte())
  end)
  return '"' .. text .. '"'
end

-- Seconds of the clock as microseconds since the trace began.
function Trace:stamp(seconds)
  return (seconds - self.origin) * 1e6
end

function Trace:event_text(row, name, category, from, to, args)
  local head = format('{"name":%s,"cat":"%s","pid":%d,"tid":%d,"ts":%.3f',
    quoted(name), category, self.pid, row, self:stamp(from))
  local rest = to and format(',"ph":"X","dur":%.3f', math.max(to - from, 0) * 1e6)
    or ',"ph":"i","s":"t"'
  return head .. rest .. (args and ',"args":' .. args or "") .. "}"
end

function Trace:write_tasks(put, row, index, bytes)
  for at = 1, #bytes, 24 do
    local i, began, ns = unpack_from("=I8I8I8", bytes, at)
    if self.n_tasks == MOST_TASKS then
      self.left_out = self.left_out + (#bytes - at + 1) // 24
      return
    end
    self.n_tasks = self.n_tasks + 1
    put(self:event_text(row, format("task %d", index + i), "task", began / 1e9,
      (began + ns) / 1e9))
  end
end

local function name_row(pid, row, what, name)
  return format('{"name":"%s","ph":"M","pid":%d,"tid":%d,"args":{"name":%s}}',
    what, pid, row, quoted(name))
end

function Trace:write_names(put)
  put(name_row(self.pid, HOST, "process_name", "workerpool " .. self.title))
  put(name_row(self.pid, HOST, "thread_name", "calling process"))
  for w = 0, self.n_workers - 1 do
    put(name_row(self.pid, w + 1, "thread_name", "worker " .. w))
    put(format('{"name":"thread_sort_index","ph":"M","pid":%d,"tid":%d,'
      .. '"args":{"sort_index":%d}}', self.pid, w + 1, w + 1))
  end
end

function Trace:write_events(put)
  self:write_names(put)
  for _, event in ipairs(self.events) do
    put(self:event_text(table.unpack(event, 1, 6)))
  end
  self.n_tasks = 0
  for _, piece in ipairs(self.tasks) do self:write_tasks(put, table.unpack(piece)) end
end

-- As assert, which would say where it stands in this file.
local function checked(ok, message)
  if not ok then error(message, 0) end
  return ok
end

function Trace:write_to(file)
  local separator = '{"displayTimeUnit":"ms","traceEvents":[\n'
  self:write_events(function(text)
    checked(file:write(separator, text))
    separator = ",\n"
  end)
  checked(file:write(format('\n],"otherData":{"call":%s,"events_left_out":%d}}\n',
    quoted(self.title), self.left_out)))
end

-- nil, or a message. Ctrl-C is passed on.
function Trace:save()
  local ok, message = pcall(function()
    local file <close> = checked(io.open(self.path, "w"))
    self:write_to(file)
    checked(file:flush())
  end)
  if errors.is_interrupt(message) then error(message, 0) end
  if not ok then return format("%s: cannot write the trace: %s", self.title, message) end
end

-- ---- a call that is traced -------------------------------------------------------------

--- Raises at the caller's line when the file cannot be written.
---@param path? string
---@param title string
---@param level integer
local function check(path, title, level)
  if not path then return end
  local file, message = io.open(path, "a")
  if not file then
    error(format("%s: option 'trace': cannot write %s", title, message), level + 1)
  end
  file:close()
end

function Trace:observe_crew(crew)
  local Class, began = getmetatable(crew), core.now()
  crew.trace = self
  function crew.pump(...)
    began = core.now()
    return Class.pump(...)
  end
  function crew.dispatch(...)
    local now = core.now()
    if now - began >= SHORTEST_WAIT then self:add(HOST, "wait", "host", began, now) end
    local handled = Class.dispatch(...)
    began = core.now()
    return handled
  end
end

function Trace:observe_run(run)
  self:time(run, "send_chunk", "encode")
  self:time(run, "result", "take results")
  local lost = run.lost
  function run.lost(observed, index, first, count, ending, w)
    self:lost(w, index + first, ending)
    return lost(observed, index, first, count, ending, w)
  end
end

function Trace:leave(crew)
  crew.trace, crew.pump, crew.dispatch = nil, nil, nil
  self.run = nil
end

-- The end of a call, in order or not: its own end comes first, so that the
-- ends of workers are in the trace.
function Trace:observe_end(run, crew, unmeasure)
  local finish, abandon = run.finish, run.abandon
  function run.finish(observed)
    if run.over then return nil end
    local err = finish(observed)
    unmeasure()
    self:leave(crew)
    local message = self:save()
    return err or message and errors.new { kind = "error", message = message } or nil
  end
  function run.abandon(observed, err, thrown)
    if not run.over then
      abandon(observed, nil, thrown or err)
      unmeasure()
      self:leave(crew)
      local message = self:save()
      if message then io.stderr:write("workerpool: ", message, "\n") end
    end
    if err then error(err, 0) end
  end
end

--- Traces a call that is about to begin, before its workers start.
---@param run table
---@param measured boolean whether its workers keep account for another reason
local function attach(run, measured)
  local path, crew = run.opts.trace, run.crew
  if not path then return end
  local self = setmetatable({
    path = path, title = run.title, n_workers = run.n_workers, pid = core.getpid(),
    origin = core.now(), events = {}, tasks = {}, left_out = 0,
  }, Trace)
  run.flags = run.flags | core.FLAG_TRACED
  crew.engine:measure(2)
  self:observe_crew(crew)
  self:observe_run(run)
  self:observe_end(run, crew, function()
    if run.pool.crew == crew then crew.engine:measure(measured and 1 or 0) end
  end)
end

return { check = check, attach = attach }
