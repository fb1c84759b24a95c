-- A soak: tasks that kill or stop their worker, leave by os.exit, raise, loop
-- for ever in Lua or in C, eat memory, return a lot, or behave; and a murderer
-- who kills and stops workers at random moments besides. With retries every
-- result must be there, right and once; with on_error = "collect", and no
-- murderer, each failure must be in its place and say what happened.
--
--   lua5.4 spec/soak/chaos.lua [seed [tasks [start_method [murder]]]]
--
-- `murder` is the program made from murder.c; without it there is no murderer.

local workerpool = require "workerpool"
local core = require "workerpool.core"

local seed = tonumber(arg[1]) or os.time()
local n_tasks = tonumber(arg[2]) or 100000
local method = arg[3] or "fork"
local murder = arg[4]

math.randomseed(seed)
print(("seed %d, %d tasks, %s"):format(seed, n_tasks, method))

local threads = method == "threading"
local TIMEOUT, RETRIES = 0.5, 12
local MEMORY = 32 << 20
-- Microseconds between kills, at most: the pool is given up when three workers in
-- a row are killed at their start, and a worker that is stopped there stays so
-- for TIMEOUT.
local BETWEEN_KILLS = 1000000

-- ---- tasks --------------------------------------------------------------------

local BEHAVE, LARGE, SLOW = "behave", "large", "slow"

-- What a mode does, how often in 10,000 tasks, and what the error must say.
local HARM = {
  kill = { 20, kind = "crash", signal = "SIGKILL" },
  segv = { 5, kind = "crash", signal = "SIGSEGV" },
  stop = { 4, kind = "timeout" },
  exit = { 20, kind = "crash" },
  raise = { 100, kind = "error" },
  refuse = { 20, kind = "encode" },
  loop = { 5, kind = "timeout" },
  search = { 3, kind = "timeout" },
  devour = { 5, kind = "memory", or_kind = "timeout" }, -- on a busy machine
}
local HARMLESS = { [LARGE] = { 40 }, [SLOW] = { 200 } }
local ORDER = { "kill", "segv", "stop", "exit", "raise", "refuse", "loop", "search",
  "devour", LARGE, SLOW }
local FOR_THREADS = { exit = true, raise = true, refuse = true, loop = true,
  [LARGE] = true, [SLOW] = true }

local function draw()
  local r = math.random(10000)
  for _, mode in ipairs(ORDER) do
    local share = (HARM[mode] or HARMLESS[mode])[1]
    if r <= share then return (not threads or FOR_THREADS[mode]) and mode or BEHAVE end
    r = r - share
  end
  return BEHAVE
end

local function right(i) return i * 7 + 1 end
local function text_of(i) return (i .. ","):rep(60000) end

local act = {}

local function signal_self(name)
  os.execute(("kill -%s %d"):format(name, core.getpid()))
  core.sleep(60)
end

function act.kill() signal_self("KILL") end
function act.segv() signal_self("SEGV") end
function act.stop() os.execute("kill -STOP " .. core.getpid()) core.sleep(60) end
function act.exit(i) os.exit(i % 5) end
function act.raise(i) error("raised by " .. i, 0) end
function act.refuse() return coroutine.create(print) end
function act.loop() while true do end end
function act.search() string.find(("a"):rep(1e5), ".-.-.-.-b$") end
function act.devour()
  local parts = {}
  for n = 1, 100 do parts[n] = ("x"):rep((1 << 22) - n) end
  return #parts
end
act[LARGE] = function(i) return right(i), text_of(i) end
act[SLOW] = function(i) core.sleep(0.002) return right(i) end
act[BEHAVE] = right

-- `marks` counts the attempts of each task. Harm is done at the first only.
local function once(marks, i, mode)
  local first = marks:add(i, 1) == 1
  if HARM[mode] and not first then mode = BEHAVE end
  return act[mode](i)
end

local function always(_, i, mode) return act[mode](i) end

local tasks = {}
for i = 1, n_tasks do tasks[i] = { i, draw() } end

-- ---- checks -------------------------------------------------------------------

local function fail(...) error((...):format(select(2, ...)), 0) end

local function check(i, value, text)
  if value ~= right(i) then fail("task %d gave %s", i, tostring(value)) end
  if tasks[i][2] == LARGE and text ~= text_of(i) then fail("task %d: a wrong text", i) end
end

-- Checks results that come one by one, and that all of `n` came.
local function tally(n)
  local seen, count = {}, 0
  return function(i, ...)
    check(i, ...)
    if seen[i] then fail("task %d came twice", i) end
    seen[i], count = true, count + 1
  end, function()
    if count ~= n then fail("%d of %d results", count, n) end
  end
end

-- Harm was done, and what it was done to was tried again.
local function check_attempts(marks, n)
  local attempts = 0
  for i = 1, n do
    local times = marks:get(i)
    attempts = attempts + times
    if times < (HARM[tasks[i][2]] and 2 or 1) then fail("task %d ran %d times", i, times) end
  end
  return attempts
end

-- ---- the calls ------------------------------------------------------------------

local soaks, names = {}, { "map", "map_unordered", "imap", "imap_unordered", "apply" }

local function options()
  return { retries = RETRIES, task_timeout = TIMEOUT,
    worker_lifespan = math.random(2) == 1 and math.random(50, 500) or nil,
    chunk_size = math.random(3) == 1 and math.random(1, 100) or nil }
end

function soaks.map(pool)
  local values, texts = pool:map(once, tasks, options())
  for i = 1, n_tasks do check(i, values[i], texts and texts[i]) end
end

function soaks.map_unordered(pool)
  local values = pool:map_unordered(once, tasks, options())
  local add, finish = tally(n_tasks)
  for k = 1, values.n do
    local i = (values[k] - 1) // 7
    add(i, values[k], tasks[i][2] == LARGE and text_of(i) or nil)
  end
  finish()
end

local function soak_loop(name)
  return function(pool)
    local add, finish = tally(n_tasks)
    for i, value, text in pool[name](pool, once, tasks, options()) do add(i, value, text) end
    finish()
  end
end
soaks.imap = soak_loop("imap")
soaks.imap_unordered = soak_loop("imap_unordered")

function soaks.apply(pool)
  local results = {}
  for i = 1, n_tasks do
    results[i] = pool:apply_async(once, tasks[i], { retries = RETRIES, task_timeout = TIMEOUT })
  end
  for i = 1, n_tasks do check(i, results[i]:get()) end
end

local function soak_collect(pool)
  local failures = 0
  for i, value, text in pool:imap(always, tasks, { on_error = "collect", task_timeout = TIMEOUT }) do
    local harm = HARM[tasks[i][2]]
    if not harm then
      check(i, value, text)
    else
      failures = failures + 1
      if not workerpool.is_error(value) then check(i, value) end
      if value.task_index ~= i then fail("task %d: blamed as %s", i, value.task_index) end
      local kind = value.kind == harm.or_kind and value.kind or harm.kind
      if value.kind ~= kind or value.signal ~= harm.signal then
        fail("task %d (%s): %s", i, tasks[i][2], tostring(value))
      end
    end
  end
  return failures
end

-- ---- the murderer ---------------------------------------------------------------

-- One in three of its victims is stopped and not killed. Servers are victims,
-- too, and what they have forked; what a worker executes is not: nobody would
-- make that go on when it has been stopped.
local function hire()
  if not murder or threads then return end
  local file = assert(io.popen(("exec '%s' %d 1000000000 %d %d 33 %d"):format(murder,
    core.getpid(), math.random(1 << 30), BETWEEN_KILLS, method == "forkserver" and 2 or 1), "w"))
  return setmetatable({}, { __close = function()
    file:write("stop\n")
    file:close()
  end })
end

-- ---- main -----------------------------------------------------------------------

-- A murderer could kill few workers at their start over and over.
local function open(marks)
  return workerpool.WorkerPool {
    n_jobs = math.random(3, 4), start_method = method, keep_alive = math.random(2) == 1,
    order_tasks = math.random(4) == 1, shared_objects = marks,
    memory_limit = not threads and MEMORY or nil,
  }
end

for _, name in ipairs(names) do
  local began = core.now()
  local marks = workerpool.Array("B", n_tasks, { lock = false })
  do
    local _ <close> = hire()
    local pool <close> = open(marks)
    soaks[name](pool)
  end
  print(("%s: %d results right, %d attempts, %.1f s"):format(name, n_tasks,
    check_attempts(marks, n_tasks), core.now() - began))
end
do
  local began = core.now()
  local pool <close> = open(workerpool.Array("B", 1))
  local failures = soak_collect(pool)
  print(("collect: %d failures, each in its place, %.1f s"):format(failures, core.now() - began))
end
print("clean")
