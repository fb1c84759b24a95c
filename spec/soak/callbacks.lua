-- Code of the caller's that runs in the middle of a pool's work, at random: callbacks,
-- listeners, iterators, the bodies of loops and finalizers, which end the pool, wait for
-- its results, send it more, cancel, raise, and do so from within each other. Whatever
-- they do, each task ends once and has told its callback once; what was sent ends as
-- what it is unless somebody has ended it; each error that they raise comes out once, and
-- no other does; nothing is left, and the pool can be used again.
--
--   lua5.4 spec/soak/callbacks.lua [seed [rounds]]
--
-- Each round is a program of its own under a time limit, which says where a round hung.
-- Round k of seed s is the first of seed s + k - 1. $TRACE prints all that is done.

local core = require "workerpool.core"
local lfs = require "lfs"
local random_tasks = require "spec.soak.random_tasks"
local workerpool = require "workerpool"

local chance, random = random_tasks.chance, math.random

local LIMIT = 40 -- seconds of a round
local MOST_ACTS, DEEPEST = 40, 4
local MOST_TASKS = 4000
local NAMES = { "fine", "fine", "three", "slow", "raise", "crash", "unsendable",
  "unsendable_result", "raise_once", "crash_once" }

local plan, pool
local tasks    -- of the apply family
local counts   -- how often each task ran
local last_id, acts, depth, maps, terminating, finalizers = 0, 0, 0, 0, 0, 0
local ends = 0 -- how often somebody has terminated the pool
local raised = 0
local untold, joins_that_raised = 0, 0 -- errors of callbacks that have not come out yet
local log = {}

local function note(...)
  log[#log + 1] = ("  "):rep(depth) .. string.format(...)
  if os.getenv("TRACE") then print(log[#log]) end
end

local function fail(...)
  print(table.concat(log, "\n", math.max(1, #log - 60)))
  print(debug.traceback(string.format(...), 2))
  os.exit(1, false)
end

-- ---- errors --------------------------------------------------------------------------

-- What our code raises: one of these, once. Of those that end a call of the map
-- family the first comes out, of those that tasks bring each.
local Mine = { __name = "mine", __tostring = function(e) return "mine, raised in " .. e.where end }

local function mine(where)
  raised = raised + 1
  note("raise %d in %s", raised, where)
  local is_of_task = where:find("%d$") ~= nil
  if is_of_task then untold = untold + 1 end
  return setmetatable({ where = where, number = raised, is_of_task = is_of_task }, Mine)
end

local function is_mine(err) return getmetatable(err) == Mine end

local function hear(err)
  if err.is_heard then fail("%s came out twice", tostring(err)) end
  err.is_heard = true
  if err.is_of_task then untold = untold - 1 end
end

--- Calls f; returns false and an error object of the pool's, or false alone for an
--- error of ours. Nothing else may come out. Where a finalizer has ended the pool
--- between two lines of f, that is told so.
local function try(what, f, ...)
  local before = plan.finalizer_ends
  local got = table.pack(pcall(f, ...))
  if got[1] then return table.unpack(got, 1, got.n) end
  local err = got[2]
  if workerpool.is_error(err) then
    local is_ended = err.kind == "cancelled" and plan.finalizer_ends > before
    return false, not is_ended and err or nil
  end
  if is_mine(err) then
    note("%s raised %d", what, err.number)
    hear(err)
  elseif finalizers > 0 and (tostring(err):find("a finalizer", 1, true)
    or tostring(err):find("a codec cannot write while", 1, true)) then
    return false
  elseif not (maps > 0 and tostring(err):find("this pool is running", 1, true)) then
    fail("%s raised %s", what, tostring(err))
  end
  return false
end

-- ---- tasks ---------------------------------------------------------------------------

-- Also with what comes first: worker id, shared objects.
local function work(...)
  local its_counts, i, name = select(-3, ...)
  if i % 3 == 0 then workerpool.emit(i) end
  if i % 2 == 0 and plan.prints then
    print("task", i)
    io.stdout:flush()
  end
  return random_tasks.work(its_counts, i, name)
end

local function new_task(retries)
  local id = last_id + 1
  last_id = id
  local name = NAMES[random(#NAMES)]
  if plan.n_jobs == 0 and name:find("crash") then name = "fine" end
  return { id = id, name = name, retries = retries, told = 0, ends = ends,
    is_of_finalizer = finalizers > 0 }
end

local act -- what code of the caller's does

local function hook(where)
  return function()
    local err = act(where)
    if err then error(err, 0) end
  end
end

local function callback_of(task)
  return function(...)
    task.told = task.told + 1
    if task.result and not task.result:ready() then fail("task %d is told too early", task.id) end
    if task.name == "three" and select("#", ...) == 3 and select(3, ...) ~= 3 * task.id then
      fail("task %d: callback got %s", task.id, tostring((...)))
    end
    return hook("callback of " .. task.id)()
  end
end

local function options_of(task)
  local told = callback_of(task)
  local opts = { retries = task.retries, callback = told, error_callback = told }
  if chance(0.2) then opts.task_timeout = 60 end
  if plan.prints and chance(0.5) then opts.on_output = hook("on_output of " .. task.id) end
  return opts
end

local function arguments_of(task) return random_tasks.arguments(counts, task.id, task.name) end

local function is_right(task, value)
  return value == task.id
end

-- While it tells callbacks that it is terminated, a pool takes nothing.
local function is_refused(err)
  return terminating > 0 and err and err.message:find("is being terminated", 1, true) ~= nil
end

-- May it have ended with this error, or a result?
local function check_end(task, kind)
  local _, fate = random_tasks.fate_of(task.name, task.retries)
  local was_ended = task.is_cancelled or ends > task.ends
  -- A finalizer may have sent it while something else was being packed, or the
  -- workers were about to go.
  if task.is_of_finalizer and (kind == "encode" or kind == "cancelled") then return end
  if kind ~= fate and not (kind == "cancelled" and was_ended) then
    fail("task %d, %s with %d retries, came to %s, wanted %s", task.id, task.name, task.retries,
      kind or "a result", fate or "a result")
  end
end

local function get(task, timeout)
  local ok, value = try("get", task.result.get, task.result, timeout)
  if ok then
    if not is_right(task, value) then fail("task %d gave %s", task.id, tostring(value)) end
    check_end(task, nil)
  elseif value and not (timeout and value.message:find("is not ready after", 1, true)) then
    if value.task_index ~= task.result:task_id() and value.kind ~= "cancelled" then
      fail("task %d raised %s", task.id, tostring(value))
    end
    check_end(task, value.kind)
  end
end

-- ---- what it may do --------------------------------------------------------------------

local deeds = {}

local function sent() return #tasks > 0 and tasks[random(#tasks)] or nil end

function deeds.apply_async()
  if last_id > MOST_TASKS then return end
  local task = new_task(random(0, 2))
  note("apply_async %d, %s, %d retries", task.id, task.name, task.retries)
  local ok, result = try("apply_async", pool.apply_async, pool, work, arguments_of(task),
    options_of(task))
  if not ok and (not result or is_refused(result)) then return end
  if not ok then fail("apply_async: %s", tostring(result)) end
  task.result = result
  tasks[#tasks + 1] = task
end

function deeds.apply()
  local task = new_task(random(0, 1))
  note("apply %d, %s", task.id, task.name)
  local ok, value = try("apply", pool.apply, pool, work, arguments_of(task),
    { retries = task.retries })
  if ok and not is_right(task, value) then fail("apply %d gave %s", task.id, tostring(value)) end
  if not ok and is_refused(value) then return end
  if ok or value then check_end(task, not ok and value.kind or nil) end
end

function deeds.get()
  local task = sent()
  if not task then return end
  note("get %d", task.id)
  get(task)
end

function deeds.get_soon()
  local task = sent()
  if not task then return end
  note("get %d soon", task.id)
  get(task, 0.002)
end

function deeds.wait()
  local task = sent()
  if not task then return end
  note("wait %d", task.id)
  local ok, is_over = try("wait", task.result.wait, task.result)
  if ok and not is_over then fail("waited for task %d in vain", task.id) end
end

function deeds.cancel()
  local task = sent()
  if not task then return end
  note("cancel %d", task.id)
  -- Whatever it returns: a callback may have cancelled it from within.
  task.is_cancelled = true
  try("cancel", task.result.cancel, task.result)
end

function deeds.wait_any()
  local list = {}
  for i, task in ipairs(tasks) do list[i] = task.result end
  note("wait_any")
  local ok, result = try("wait_any", pool.wait_any, pool, list)
  if ok and #list > 0 and not result then fail("wait_any gave nothing") end
end

function deeds.poll()
  note("poll")
  try("poll", pool.poll, pool, chance(0.5) and 0.002 or nil)
end

function deeds.terminate()
  note("terminate")
  ends, terminating = ends + 1, terminating + 1
  if not try("terminate", pool.terminate, pool) then fail("terminate raised") end
  ends, terminating = ends + 1, terminating - 1 -- also of what was sent while it told
end

function deeds.join()
  note("join")
  local ok, err = try("join", pool.stop_and_join, pool)
  if not ok and err then fail("join: %s", tostring(err)) end
  if not ok then joins_that_raised = joins_that_raised + 1 end
end

function deeds.set()
  local what = ({ "set_keep_alive", "set_order_tasks" })[random(2)]
  note(what)
  pool[what](pool, chance(0.5))
end

function deeds.other_pool()
  note("other pool")
  local other <close> = workerpool.WorkerPool { n_jobs = random(0, 1) }
  if other:apply(math.abs, { -5 }) ~= 5 then fail("another pool is wrong") end
end

-- A loop that nobody has any more: its finalizer ends the call.
function deeds.forget()
  note("forget")
  local ok, step = try("imap", pool.imap, pool, tostring, workerpool.range(100))
  maps = maps + 1
  if ok then try("step", step) end
  maps = maps - 1
end

-- Something that acts when it is collected, whenever that is.
function deeds.litter()
  note("litter")
  local host = core.getpid()
  setmetatable({}, { __gc = function()
    if core.getpid() ~= host then return end
    finalizers = finalizers + 1
    act("finalizer")
    finalizers = finalizers - 1
  end })
end

-- ---- the map family --------------------------------------------------------------------

local METHODS = { "map", "map_unordered", "imap", "imap_unordered" }

local function drawn_tasks()
  local list = {}
  for i = 1, random(0, 30) do list[i] = new_task(0) end
  return list
end

-- The arguments, by an iterator now and then.
local function form_of(list)
  local args = {}
  for i, task in ipairs(list) do args[i] = arguments_of(task) end
  if chance(0.5) then return args end
  local i = 0
  return function()
    i = i + 1
    if chance(0.2) then hook("iterator")() end
    return args[i]
  end
end

local function on_error(err)
  hook("on_error")()
  local was_sent = not err.message:find("cannot send args", 1, true)
  if was_sent and err.attempt < 3 and chance(0.3) then return "retry" end
  return "skip", err
end

local function delay()
  hook("retry_delay")()
  return 0.001
end

local function map_options()
  local opts = { retries = random(0, 2), on_error = chance(0.5) and "collect" or on_error }
  if chance(0.5) then opts.chunk_size = random(8) end
  if chance(0.3) then opts.retry_delay = delay end
  if chance(0.3) then opts.on_message = hook("on_message") end
  if plan.prints and chance(0.4) then opts.on_output = hook("on_output") end
  if chance(0.3) then
    opts.progress_bar, opts.progress_bar_options = hook("progress"), { mininterval = 0 }
  end
  if chance(0.1) then opts.trace = "/dev/null" end
  return opts
end

local function collect(method, list, opts)
  if not method:find("^i") then
    local values = pool[method](pool, work, form_of(list), opts)
    return values.n, values
  end
  local n, values = 0, {}
  for i, value in pool[method](pool, work, form_of(list), opts) do
    if values[i] ~= nil then fail("task %d came twice", i) end
    n, values[i] = n + 1, value
    if chance(0.2) then hook("body")() end
    if chance(0.02) then return -1, values end
  end
  return n, values
end

local function check_values(method, list, opts, n, values)
  if n < 0 then return end
  if n ~= #list then fail("%s: %d results of %d", method, n, #list) end
  if method == "map_unordered" then return end
  for i, task in ipairs(list) do
    local value = values[i]
    local is_error = workerpool.is_error(value)
    local _, fate = random_tasks.fate_of(task.name, opts.retries)
    -- on_error may have it tried again beyond its retries.
    local is_cured = not is_error and opts.on_error ~= "collect"
    if is_error and value.kind ~= fate or not is_error and (fate and not is_cured
      or not is_right(task, value)) then
      fail("%s: task %d, %s, gave %s", method, i, task.name, tostring(value))
    end
  end
end

function deeds.map()
  if last_id > MOST_TASKS then return end
  local method, list, opts = METHODS[random(#METHODS)], drawn_tasks(), map_options()
  note("%s of %d", method, #list)
  local ends_before = plan.endings
  maps = maps + 1
  local ok, n, values = try(method, collect, method, list, opts)
  maps = maps - 1
  note("%s is over: %s", method, tostring(n))
  if ok then return check_values(method, list, opts, n, values) end
  if n and not is_refused(n) and not (n.kind == "cancelled" and plan.endings > ends_before) then
    fail("%s raised %s, %d endings", method, tostring(n), plan.endings - ends_before)
  end
end

-- ---- drawing -----------------------------------------------------------------------------

local WEIGHTS = {
  { "apply_async", 30 }, { "apply", 8 }, { "get", 12 }, { "get_soon", 5 }, { "wait", 5 },
  { "cancel", 6 }, { "wait_any", 3 }, { "poll", 8 }, { "terminate", 5 }, { "join", 5 },
  { "set", 3 }, { "other_pool", 1 }, { "map", 8 }, { "forget", 2 }, { "raise", 6 },
  { "litter", 6 },
}
local TOTAL = 0
for _, entry in ipairs(WEIGHTS) do TOTAL = TOTAL + entry[2] end

-- Finalizers wait for nothing: the manual says why.
local OF_FINALIZERS = { "apply_async", "apply_async", "apply_async", "set", "terminate", "litter", "raise" }

local function drawn()
  if finalizers > 0 then return OF_FINALIZERS[random(#OF_FINALIZERS)] end
  local x = random(TOTAL)
  for _, entry in ipairs(WEIGHTS) do
    x = x - entry[2]
    if x <= 0 then return entry[1] end
  end
end

-- Returns what is to be raised, if anything is.
function act(where)
  if acts >= MOST_ACTS or depth >= DEEPEST or chance(plan.calm) then return nil end
  acts = acts + 1
  local what = drawn()
  if what == "raise" then return mine(where) end
  note("%s:", where)
  depth = depth + 1
  if what == "terminate" or what == "join" then
    plan.endings = plan.endings + 1
    if finalizers > 0 then plan.finalizer_ends = plan.finalizer_ends + 1 end
  end
  deeds[what]()
  depth = depth - 1
end

-- ---- a round -------------------------------------------------------------------------------

local function children()
  local file <close> = io.open("/proc/self/task/" .. core.getpid() .. "/children")
  return file and file:read("a") or ""
end

local function descriptors()
  local n = 0
  for _ in lfs.dir("/proc/self/fd") do n = n + 1 end
  return n
end

-- All that is over is over, all that was raised has come out, and the pool still works.
local function check_all(is_terminated)
  for _, task in ipairs(tasks) do
    if not task.result:ready() then fail("task %d never ended", task.id) end
    if task.told ~= 1 then fail("task %d told %d times", task.id, task.told) end
    get(task)
  end
  if not is_terminated and not try("poll", pool.poll, pool) then fail("something was left to tell") end
  while not try("poll", pool.poll, pool) do end
  if joins_that_raised == 0 and untold > 0 then fail("%d errors never came out", untold) end
end

local function check_use()
  pool:pass_on_worker_id(false)
  local list = pool:map(math.abs, { -1, -2 })
  if list[1] ~= 1 or list[2] ~= 2 or pool:apply(math.abs, { -3 }) ~= 3 then fail("it cannot be used") end
  pool:terminate()
end

local function end_pool()
  acts = MOST_ACTS
  if plan.ending == "terminate" then return deeds.terminate() end
  deeds.join()
end

local function play()
  counts, tasks = workerpool.Array("i", MOST_TASKS * 2), {}
  local open = descriptors()
  pool = workerpool.WorkerPool(plan.pool)
  if chance(0.5) then collectgarbage("incremental", 10, 1000) end
  while acts < MOST_ACTS do
    act("program") -- nobody is there who could be told what it raises
  end
  end_pool()
  check_all(plan.ending == "terminate")
  check_use()
  collectgarbage()
  if children() ~= "" then fail("left: %s", children()) end
  if descriptors() ~= open then fail("%d descriptors, were %d", descriptors(), open) end
end

local function draw()
  local n_jobs = random(0, 3)
  local captures = chance(0.5)
  plan = {
    n_jobs = n_jobs, prints = captures and n_jobs > 0, calm = ({ 0.2, 0.5, 0.8 })[random(3)],
    ending = chance(0.3) and "terminate" or "join", endings = 0, finalizer_ends = 0,
    pool = { n_jobs = n_jobs, keep_alive = chance(0.5), order_tasks = chance(0.3),
      output = captures and "capture" or nil, enable_insights = chance(0.1) },
  }
end

local function describe()
  return ("%d workers%s%s, calm %g, %s"):format(plan.n_jobs, plan.pool.keep_alive and ", kept" or "",
    plan.pool.output and ", capture" or "", plan.calm, plan.ending)
end

if arg[3] then
  io.stdout:setvbuf("line")
  math.randomseed(tonumber(arg[1]))
  draw()
  print("", describe())
  play()
  os.exit(0, true)
end

local seed, rounds = tonumber(arg[1]) or os.time(), tonumber(arg[2]) or 100
print(("seed %d, %d rounds"):format(seed, rounds))
for round = 0, rounds - 1 do
  local line = ("timeout -s INT -k 5 %d %s %s %d 1 round"):format(LIMIT, arg[-1], arg[0], seed + round)
  print(round + 1, "seed " .. seed + round)
  io.stdout:flush()
  local ok, how, status = os.execute(line)
  if not ok then error(("seed %d: %s %d"):format(seed + round, how, status), 0) end
end
print("clean")
