-- Insights: what the workers of a pool spend their time on, and which tasks
-- took longest. Workers keep account in shared memory (src/figures.h); this
-- reads it, at any time, without disturbing them. What a reading means is
-- worked out in `summary`, a pure function; the report is drawn from that in
-- insights_report.lua.

local refusals = require "workerpool.refusals"
local report = require "workerpool.insights_report"

local max, min, sqrt = math.max, math.min, math.sqrt

local TOP = 5

-- The parts of a worker's time, as MPIRE names them, and what each is made
-- of. The names on the right are those of src/bind_figures.c.
local PARTS = {
  start_up = { "start" },
  init = { "init" },
  waiting = { "input", "decode", "encode", "room" },
  working = { "work" },
  exit = { "exit" },
}

-- What waiting is made of, one by one.
local DETAILS = {
  waiting_input = { "input" },
  waiting_decode = { "decode" },
  waiting_encode = { "encode" },
  waiting_transfer = { "room" },
}

-- ---- what readings mean ---------------------------------------------------------

local function sum(list)
  local total = 0
  for _, x in ipairs(list) do total = total + x end
  return total
end

local function deviation(list, mean)
  local squares = 0
  for _, x in ipairs(list) do squares = squares + (x - mean) ^ 2 end
  return sqrt(squares / #list)
end

local function times_of(readings, sources)
  local times = {}
  for i, reading in ipairs(readings) do
    local seconds = 0
    for _, source in ipairs(sources) do seconds = seconds + reading[source] end
    times[i] = seconds
  end
  return times
end

local function add_part(out, readings, part, sources)
  local times = times_of(readings, sources)
  local total = sum(times)
  local mean = total / #times
  out[part .. "_time"] = times
  out["total_" .. part .. "_time"] = total
  out[part .. "_time_mean"] = mean
  out[part .. "_time_std"] = deviation(times, mean)
end

local function add_ratios(out, parts)
  for part in pairs(parts) do
    local total = out.total_time
    out[part .. "_ratio"] = total > 0 and out["total_" .. part .. "_time"] / total or 0.0
  end
end

local function add_longest(out, readings)
  local all = {}
  for _, reading in ipairs(readings) do table.move(reading.longest, 1, TOP, #all + 1, all) end
  table.sort(all, function(a, b) return a[1] > b[1] end)
  local durations, args = {}, {}
  for i = 1, min(#all, TOP) do durations[i], args[i] = all[i][1], all[i][2] end
  out.top_5_max_task_durations, out.top_5_max_task_args = durations, args
end

--- Makes the table that get_insights returns. Lists have an entry for each
--- worker: entry i is of worker i - 1.
---@param readings table[] of engine:figures, a list with at least one entry
---@return table
local function summary(readings)
  local out = { n_completed_tasks = {}, total_time = 0.0 }
  for i, reading in ipairs(readings) do out.n_completed_tasks[i] = reading.tasks end
  for part, sources in pairs(PARTS) do
    add_part(out, readings, part, sources)
    out.total_time = out.total_time + out["total_" .. part .. "_time"]
  end
  for part, sources in pairs(DETAILS) do add_part(out, readings, part, sources) end
  add_ratios(out, PARTS)
  add_ratios(out, DETAILS)
  add_longest(out, readings)
  return out
end

local function empty_reading()
  return {
    start = 0.0, init = 0.0, input = 0.0, decode = 0.0, work = 0.0, encode = 0.0,
    room = 0.0, exit = 0.0, tasks = 0, longest = {},
  }
end

-- ---- reading ----------------------------------------------------------------------

local Insights = { __name = "workerpool.Insights" }
Insights.__index = Insights

-- Switches a crew's accounts on, before its first worker starts. When its
-- memory is given back the last reading stays.
---@param crew table
---@return table
local function watch(crew)
  local self = setmetatable({ engine = crew.engine, size = max(crew.size, 1) }, Insights)
  self.pauses = {} -- by worker: seconds of waiting between calls
  crew.engine:measure(1)
  local close = crew.close
  function crew.close(closing)
    self.last, self.engine = self:read(), nil
    return close(closing)
  end
  return self
end

-- Nil when the workers have ended: by a finalizer, that may be between two readings.
function Insights:figures(w)
  return self.engine and self.engine:figures(w - 1)
end

-- Workers that are kept alive wait between calls, too. That is no sign of
-- anything, so it is left out: from `pause` to `resume`.
function Insights:pause()
  if self.paused then return end
  local paused = {}
  for w = 1, self.size do
    local reading = self:figures(w)
    if not reading then return end
    paused[w] = reading.input
  end
  self.paused = paused
end

function Insights:pause_of(w, input)
  local now = self.paused and max(input - self.paused[w], 0) or 0
  return (self.pauses[w] or 0) + now
end

function Insights:resume()
  if not self.paused then return end
  for w = 1, self.size do
    local reading = self:figures(w)
    if not reading then return end
    self.pauses[w] = self:pause_of(w, reading.input)
  end
  self.paused = nil
end

---@return table[] readings
function Insights:read()
  local readings = {}
  for w = 1, self.size do
    local reading = self:figures(w)
    if not reading then return self.last end
    reading.input = max(reading.input - self:pause_of(w, reading.input), 0)
    readings[w] = reading
  end
  return readings
end

-- ---- the pool's methods -------------------------------------------------------------

local function readings_of(pool)
  if pool.insights then return pool.insights:read() end
  local readings = {}
  for w = 1, max(pool.n_jobs, 1) do readings[w] = empty_reading() end
  return readings
end

local function write(text, file)
  if type(file) ~= "string" then return (file or io.stdout):write(text) end
  local opened <close>, message = io.open(file, "w")
  if not opened then return nil, message end
  opened:write(text)
  local ok, failure = opened:flush()
  return ok, failure and file .. ": " .. failure
end

local function check_file(file)
  if file == nil or type(file) == "string" then return end
  local ok, method = pcall(function() return file.write end)
  if ok and method then return end
  error(("print_insights: wanted a file or the name of one, got a %s")
    :format(type(file)), 3)
end

-- Adds get_insights and print_insights to a class with `opts`, `n_jobs` and
-- `insights`, which is what `watch` returned for its crew.
---@param class table
local function extend(class)
  --- What the workers have spent their time on since they were started; at
  --- any time, also in the midst of a loop. {} without enable_insights.
  ---@return table
  function class:get_insights()
    refusals.dot(self, class, "pool", "get_insights", 2)
    if not self.opts.enable_insights then return {} end
    return summary(readings_of(self))
  end

  --- Writes the same as a report, with advice.
  ---@param file? file*|string io.stdout unless given
  function class:print_insights(file)
    refusals.dot(self, class, "pool", "print_insights", 2)
    check_file(file)
    local ok, message = write(report.text(self:get_insights()), file)
    if not ok and message then error("print_insights: cannot write " .. message, 2) end
  end
end

return { extend = extend, watch = watch, summary = summary }
