-- Tasks that are harder on a pool than those of random_tasks: they stop or change their
-- process, are late, have large arguments and results, or crash while these are written.
-- Workers of every start method find this module by its name.

local core = require "workerpool.core"
local misdeeds = require "misdeeds"
local workerpool = require "workerpool"

local hard_tasks = {}

local SIGKILL, SIGCONT, SIGSTOP = 9, 18, 19
local SIZES = { 0, 10, 5000, 9000, 31000, 33000, 66000, 132000, 270000, 600000, 2000000 }

local function text_of(i, k, bytes)
  local unit = i .. "." .. k .. ","
  return unit:rep(bytes // #unit)
end

-- ---- results -----------------------------------------------------------------------

-- What a task with the number i gives, up to four values.
local function small(i) return i end

local function large(i, bytes)
  return i, text_of(i, 1, bytes),
    { text_of(i, 2, bytes // 2), i, name = text_of(i, 3, bytes // 3), text_of(i, 4, 20) },
    text_of(i, 5, bytes // 4)
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

-- ---- tasks -------------------------------------------------------------------------

local function wait_for_ever() while true do end end

local function stop_for_a_while()
  os.execute(("(sleep 0.05; kill -%d %d) >/dev/null 2>&1 &"):format(SIGCONT, core.getpid()))
  misdeeds.kill(core.getpid(), SIGSTOP)
end

local HARM = {
  leave = function() os.exit(7) end,
  kill = function() misdeeds.kill(core.getpid(), SIGKILL) core.sleep(60) end,
  loop = wait_for_ever,
  -- Who waits for it may have it go on.
  stop = function() misdeeds.kill(core.getpid(), SIGSTOP) wait_for_ever() end,
}

-- Does harm when it is written, behind what stands before it.
local Snare = {}
Snare.__workerpool_pack = function(self) HARM[self.harm]() return true end
Snare.__workerpool_unpack = function() return setmetatable({}, Snare) end
hard_tasks.Snare = Snare

local function with_a_snare(harm)
  return function(i, bytes)
    return i, text_of(i, 1, bytes), setmetatable({ harm = harm }, Snare)
  end
end

-- do_harm: before the result, or instead of it. kind: of the error that the task ends
-- with; gives: what it returns; is_timed: only a limit ends it; in_thread: a thread can
-- do it; is_dear: it costs a worker, or time; answers: its failure is a result, too.
local TASKS = {
  fine = { in_thread = true },
  large = { gives = large, in_thread = true },
  slow = { do_harm = function() core.sleep(0.02) end, is_dear = true, in_thread = true },
  raise = { do_harm = function(i) error("bad " .. i, 0) end, kind = "error", in_thread = true,
    answers = true },
  raise_large = { do_harm = function(i, bytes) error(text_of(i, 1, bytes), 0) end, kind = "error",
    answers = true, in_thread = true },
  unsendable_result = { gives = function() return io.stdout end, kind = "encode", answers = true,
    in_thread = true },
  half_sendable = { gives = function(i, bytes) return i, text_of(i, 1, bytes), io.stdout end,
    kind = "encode", answers = true, in_thread = true },
  leave = { do_harm = HARM.leave, kind = "crash", in_thread = true },
  kill = { do_harm = HARM.kill, kind = "crash" },
  loop = { do_harm = HARM.loop, kind = "timeout", is_timed = true, in_thread = true },
  stop = { do_harm = HARM.stop, kind = "timeout", is_timed = true },
  leave_while_written = { gives = with_a_snare "leave", kind = "crash", in_thread = true },
  killed_while_written = { gives = with_a_snare "kill", kind = "crash" },
  late_while_written = { gives = with_a_snare "loop", kind = "timeout", is_timed = true,
    in_thread = true },
  stopped_while_written = { gives = with_a_snare "stop", kind = "timeout", is_timed = true },
  pause = { do_harm = stop_for_a_while, gives = large, is_dear = true },
  twin = { do_harm = function() misdeeds.fork() end, gives = large, is_dear = true },
  linger = { do_harm = function() misdeeds.linger(100) end, gives = large, is_dear = true },
  close = { do_harm = function() misdeeds.close(3, 60) end, gives = large, is_dear = true },
  deaf = { do_harm = function() misdeeds.turn_deaf() end, gives = large },
  deaf_loop = { do_harm = function() misdeeds.turn_deaf() wait_for_ever() end, kind = "timeout",
    is_timed = true },
  become = { do_harm = function() misdeeds.become("true", "") end, kind = "crash" },
  become_late = { do_harm = function() misdeeds.become("sleep", "60") end, kind = "timeout",
    is_timed = true },
}

-- The same, cured when they are tried again.
for _, name in ipairs { "raise", "raise_large", "half_sendable", "leave", "kill",
  "leave_while_written", "killed_while_written", "loop", "stopped_while_written" } do
  local task = {}
  for key, value in pairs(TASKS[name]) do task[key] = value end
  task.is_cured = true
  TASKS[name .. "_once"] = task
end

for _, task in pairs(TASKS) do
  task.is_dear = task.is_dear or task.kind == "crash" or task.kind == "timeout"
end

local NAMES = {}
for name in pairs(TASKS) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

--- Does a task, and counts its attempt. Each attempt is to have the same arguments.
function hard_tasks.work(counts, i, name, bytes, text, says)
  local attempt, task = counts:add(i, 1), TASKS[name]
  if text ~= text_of(i, 9, #text) then error("not the arguments of task " .. i, 0) end
  if says then workerpool.emit(i, attempt) end
  local harms = not task.is_cured or attempt == 1
  if harms and task.do_harm then task.do_harm(i, bytes) end
  if harms and task.gives then return task.gives(i, bytes) end
  if task.is_cured then return large(i, bytes) end
  return small(i)
end

-- ---- the model -----------------------------------------------------------------------

local random = math.random

--- n tasks at random. `of`: timed, whether there is a limit; threads; most_dear.
function hard_tasks.draw(n, of)
  local drawn, dear = {}, 0
  for i = 1, n do
    local name = random() < 0.3 and "fine" or NAMES[random(#NAMES)]
    local task = TASKS[name]
    if task.is_dear then dear = dear + (task.is_timed and 4 or 1) end
    if task.is_timed and not of.timed or of.threads and not task.in_thread
      or task.is_dear and dear > of.most_dear then name = "large" end
    drawn[i] = { i = i, name = name, bytes = SIZES[random(#SIZES)],
      argument = SIZES[random(random() < 0.8 and 4 or 8)], says = random() < 0.1 }
  end
  return drawn
end

function hard_tasks.arguments(counts, task)
  return { counts, task.i, task.name, task.bytes, text_of(task.i, 9, task.argument), task.says }
end

--- How often it runs, the kind of its error or nil, and how often the host is told of
--- an attempt by the worker itself.
function hard_tasks.fate_of(task, attempts)
  local of = TASKS[task.name]
  if not of.kind then return 1, nil, 1 end
  if of.is_cured and attempts > 1 then return 2, nil, of.answers and 2 or 1 end
  local runs = of.is_cured and 1 or attempts
  return runs, of.kind, of.answers and runs or 0
end

--- Are these what the task returns when it succeeds?
function hard_tasks.is_right(task, ...)
  local of = TASKS[task.name]
  local gives = of.is_cured and large or of.gives or small
  local wanted, got = table.pack(gives(task.i, task.bytes)), table.pack(...)
  for k = 1, math.max(wanted.n, got.n) do
    if not same(wanted[k], got[k]) then return false end
  end
  return true
end

return hard_tasks
