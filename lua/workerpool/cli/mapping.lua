-- One run of `workerpool map`: lines go through a lazy map of a pool, results
-- come out as lines, failures are counted and reported.
--
-- Tasks are numbered twice: `index` counts what the pool was given, `seq` the
-- lines of the input. They differ when --resume leaves lines out.

local commandline = require "workerpool.cli.commandline"
local core = require "workerpool.core"
local halt = require "workerpool.cli.halt"
local joblog = require "workerpool.cli.joblog"
local progress = require "workerpool.progress"
local unheard = require "workerpool.cli.unheard"
local workerpool = require "workerpool"

local CLEAR_LINE = "\r\27[K"

local Mapping = { __name = "workerpool.Mapping" }
Mapping.__index = Mapping

---@param plan table see plan_of in map.lua
local function new(plan)
  return setmetatable({
    plan = plan, log = plan.log,
    seq = 0, index = 0,  -- of the last line, of the last task
    seqs = {},           -- by index, where they differ
    previews = {},       -- by index, for the log
    starts = {},         -- by index, for the log: { worker, clock }
    ends = {},           -- by index, for the log: clock, of failed tasks
    finished = 0,        -- results and failures that have had their turn
    reported = 0,        -- the failures among them
    failed = 0,          -- all failures
    failures = {},       -- by index: those that have not had their turn
    output = io.stdout,
    -- Tasks report the monotonic clock, which all processes share.
    epoch = os.time() - core.now(),
  }, Mapping)
end

-- ---- in the workers ---------------------------------------------------------------

-- With the task before each of its lines.
local function tagged(line, text)
  local lines = text:gsub("\n", function() return "\n" .. line .. "\t" end)
  return line .. "\t" .. lines
end

-- From a line to a line.
local function text_function(plan)
  local f, decode, encode = plan.f, plan.format.decode, plan.format.encode
  if plan.tag then
    return function(line) return tagged(line, encode(f(line))) end
  end
  if not decode then return function(line) return encode(f(line)) end end
  return function(line) return encode(f(decode(line))) end
end

local function task_function(plan)
  local text_of = text_function(plan)
  if not plan.log then return text_of end
  -- A task says that it begins, so that the log knows of those that die.
  return function(worker, line)
    local start = core.now()
    workerpool.emit(worker, start)
    local text = text_of(line)
    return text, core.now() - start
  end
end

-- ---- tasks ------------------------------------------------------------------------

-- A joblog of other tasks would make us leave out the wrong ones.
function Mapping:is_done(seq, line)
  local logged = self.plan.done[seq]
  if logged == nil then return false end
  local preview = joblog.preview(line)
  if preview ~= logged then
    commandline.fail("map", ("--resume: line %d is '%s', but '%s' in the joblog")
      :format(seq, preview, logged))
  end
  return true
end

-- The next line that is to be done, or nil.
function Mapping:next_logged()
  if self.stopped then return nil end
  local line
  repeat
    line = self.plan.read()
    if line == nil then return nil end
    self.seq = self.seq + 1
  until not self:is_done(self.seq, line)
  self.index = self.index + 1
  if self.seq ~= self.index then self.seqs[self.index] = self.seq end
  self.previews[self.index] = joblog.preview(line)
  return line
end

--- An iterator over the lines that are to be done. Without a log those are
--- all, and nothing is to be known of them.
function Mapping:tasks()
  if self.log then return function() return self:next_logged() end end
  local read = self.plan.read
  return function()
    if self.stopped then return nil end
    return read()
  end
end

-- ---- failures ---------------------------------------------------------------------

-- Called as soon as a task has failed for good, when others before it may
-- still be running. Its place among the results is where it is reported.
function Mapping:on_error(err)
  if unheard.explains(err) then error(unheard, 0) end
  self.failed = self.failed + 1
  self.failures[err.task_index] = err
  if self.log then self.ends[err.task_index] = core.now() end
  local policy = self.plan.halt
  if policy and policy.count and halt.reached(policy, self.failed, self.failed) then
    self.stopped = true
    if policy.when == "now" then return "raise" end
  end
  return "skip", err
end

local function words_of(err)
  return err.message .. (err.hint and " (" .. err.hint .. ")" or "")
end

function Mapping:report(seq, err)
  self.reported = self.reported + 1
  io.stderr:write(self.clear or "", ("workerpool: line %d: %s\n"):format(seq, words_of(err)))
end

-- ---- results ----------------------------------------------------------------------

local function check_written(ok, message)
  if not ok then error("cannot write the results: " .. message, 0) end
end

-- What a log has as done must be there, whatever becomes of us.
function Mapping:print(text)
  local output = self.output
  local ok, message = output:write(text, "\n")
  if ok and self.log then ok, message = output:flush() end
  if not ok then check_written(ok, message) end
end

local function pop(map, index)
  local value = map[index]
  map[index] = nil
  return value
end

function Mapping:note(index, seq, status, runtime)
  local start, ended = pop(self.starts, index), pop(self.ends, index)
  local clock = start and start[2]
  self.log:add {
    seq = seq, status = status, task = pop(self.previews, index),
    worker = start and start[1],
    start = clock and self.epoch + clock,
    runtime = runtime or clock and ended and ended - clock,
  }
end

-- A task that is over, in the order of the output: a line of text, or an error.
function Mapping:take(index, result, runtime)
  self.finished = self.finished + 1
  local seq, status = self.log and pop(self.seqs, index) or index, joblog.DONE
  if type(result) == "string" then
    self:print(result)
  else
    status = result.kind
    self.failures[index] = nil
    self:report(seq, result)
  end
  if self.log then self:note(index, seq, status, runtime) end
end

-- ---- the run ----------------------------------------------------------------------

-- Where we may have to halt soon, no more tasks are handed out than one that
-- runs and one that waits for each worker: what is handed out, is finished.
local function limits(halting, n_jobs)
  if not halting then return nil, nil end
  return 1, halting.when == "soon" and 2 * math.max(n_jobs, 1) or nil
end

-- What is told of progress, often and while all wait for a slow task, too: then
-- what has been printed goes out.
function Mapping:bar()
  local bar = progress.new(nil, {
    file = io.stderr, unit = "line", style = not self.plan.bar and "none" or nil,
  })
  local update = bar.update
  function bar.update(...)
    check_written(self.output:flush())
    return update(...)
  end
  return bar
end

function Mapping:options(n_jobs)
  local plan = self.plan
  local chunk_size, max_tasks_active = limits(plan.halt, n_jobs)
  return {
    task_timeout = plan.timeout, retries = plan.retries,
    chunk_size = chunk_size, max_tasks_active = max_tasks_active,
    on_error = function(err) return self:on_error(err) end,
    on_message = self.log and function(index, worker, start)
      self.starts[index] = { worker, start }
    end or nil,
    progress_bar = self:bar(),
  }
end

function Mapping:loop(pool)
  local lazy = self.plan.unordered and pool.imap_unordered or pool.imap
  local policy = self.plan.halt
  local watched = policy and policy.percent
  for index, result, runtime in lazy(pool, task_function(self.plan),
    workerpool.single(self:tasks()), self:options(pool.n_jobs)) do
    self:take(index, result, runtime)
    -- A share can only be told where all tasks up to here are counted.
    if watched and halt.reached(policy, self.reported, self.finished) then
      self.stopped = true
      if policy.when == "now" then break end
    end
  end
end

-- Failures that will not have their turn, for the loop has been left.
function Mapping:take_failures()
  local indices = {}
  for index in pairs(self.failures) do indices[#indices + 1] = index end
  table.sort(indices)
  for _, index in ipairs(indices) do self:take(index, self.failures[index]) end
end

--- Does all of it.
---@param plan table
---@return integer failed
local function run(plan)
  local self = new(plan)
  self.clear = plan.bar and core.is_tty(io.stderr) and CLEAR_LINE or nil
  local pool <close> = workerpool.WorkerPool {
    n_jobs = plan.n_jobs, seed = plan.seed, pass_worker_id = plan.log ~= nil,
  }
  local ok, err = pcall(self.loop, self, pool)
  -- A failure at which we were to halt has been noted; others are not ours.
  if not ok and not (workerpool.is_error(err) and self.stopped) then error(err, 0) end
  self:take_failures()
  check_written(io.stdout:flush())
  return self.failed
end

-- For xpcall around run: what is no message stays as it is.
local function handler(err)
  if commandline.is_usage_error(err) or err == unheard then return err end
  return tostring(err)
end

return { run = run, handler = handler }
