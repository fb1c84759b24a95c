-- Pools at random, and on each several calls in a row: limits of time with order_tasks,
-- pinning, retries, lifespans and everything else; init and exit functions, also such
-- that are late; single tasks in between; loops that are left; a host that comes back
-- late. The tasks are those of hard_tasks.lua. Each must have run as often as a model
-- says, and have come to what it says, with the arguments that were its own.
--
--   lua5.4 spec/soak/sessions.lua [seed [rounds]]

local watch = require "spec.soak.watch"
watch.allow_misdeeds()

local core = require "workerpool.core"
local hard_tasks = require "spec.soak.hard_tasks"
local random_tasks = require "spec.soak.random_tasks"
local workerpool = require "workerpool"

local chance, random = random_tasks.chance, math.random

local LIMIT = 0.6 -- seconds: a busy machine must not be late for what behaves
local HANGS = 90 -- seconds that no round takes
local MOST_ATTEMPTS = 3 -- as on_error has it

local METHODS = { "map", "map_unordered", "imap", "imap_unordered" }
local STARTS = { "fork", "fork", "fork", "fork", "threading", "forkserver", "spawn" }
local CPUS = { { 0 }, { { 0 } } }

-- ---- plans ------------------------------------------------------------------------

local function again(err)
  if err.attempt < MOST_ATTEMPTS then return "retry" end
  return "skip", err
end
local function skip_it(err) return "skip", err end
local function briefly() return 0.01 end

local POLICIES = { collect = "collect", skip = skip_it, again = again, raise = "raise" }
local POLICY_NAMES = { "collect", "collect", "skip", "again", "raise" }

local function plan_call(plan)
  local n = random(0, chance(0.1) and 120 or 25)
  local call = {
    method = METHODS[random(#METHODS)], policy = POLICY_NAMES[random(#POLICY_NAMES)],
    n_applied = chance(0.4) and random(10) or 0,
    leaves_at = chance(0.1) and random(10) or nil,
    rests_at = chance(0.2) and random(10) or nil,
    asks = chance(0.15),
    phase = plan.n_jobs > 0 and chance(0.1) and (chance(0.5) and "init" or "exit") or nil,
  }
  local timed = chance(0.6)
  call.opts = {
    on_error = POLICIES[call.policy], retries = random(0, 2),
    chunk_size = chance(0.6) and random(10) or nil,
    max_tasks_active = chance(0.3) and random(20) or nil,
    worker_lifespan = chance(0.3) and random(8) or nil,
    retry_delay = chance(0.15) and 0.01 or chance(0.15) and briefly or nil,
    task_timeout = timed and LIMIT or nil,
  }
  call.tasks = hard_tasks.draw(n, { timed = timed, threads = plan.is_threads, most_dear = 10 })
  call.applied = hard_tasks.draw(call.n_applied, { timed = true, threads = plan.is_threads,
    most_dear = 4 })
  return call
end

local function plan_round()
  local start = STARTS[random(#STARTS)]
  local plan = { n_jobs = random(3), is_threads = start == "threading", calls = {} }
  plan.pool = {
    n_jobs = plan.n_jobs, start_method = start, keep_alive = chance(0.5),
    order_tasks = chance(0.4), enable_insights = chance(0.3),
    cpu_ids = chance(0.3) and CPUS[random(#CPUS)] or nil,
    output = not plan.is_threads and chance(0.2) and "capture" or nil,
    seed = chance(0.1) and 7 or nil,
  }
  for i = 1, random(4) do plan.calls[i] = plan_call(plan) end
  plan.ends_at_once = chance(0.3)
  return plan
end

local function words_of(options, words)
  local names = {}
  for name in pairs(options) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = options[name]
    if type(value) ~= "table" and type(value) ~= "function" then
      words[#words + 1] = name .. "=" .. tostring(value)
    end
  end
  return table.concat(words, " ")
end

local function describe(plan)
  local lines = { words_of(plan.pool, {}) }
  for i, call in ipairs(plan.calls) do
    lines[i + 1] = ("    %s n=%d %s"):format(call.method, #call.tasks,
      words_of(call.opts, { words_of(call, {}) }))
  end
  return table.concat(lines, "\n")
end

-- ---- single tasks -------------------------------------------------------------------

local function complain(task, format, ...)
  error(("task %d, %s of %d bytes: "):format(task.i, task.name, task.bytes)
    .. format:format(...):sub(1, 500), 0)
end

local function apply(plan, pool, call)
  local applied = { counts = workerpool.Array("i", math.max(call.n_applied, 1)) }
  for i, task in ipairs(call.applied) do
    local one = { task = task, retries = random(0, 2), told = 0 }
    local function told() one.told = one.told + 1 end
    one.result = pool:apply_async(hard_tasks.work, hard_tasks.arguments(applied.counts, task), {
      retries = one.retries, task_timeout = LIMIT, callback = told, error_callback = told })
    applied[i] = one
    if chance(0.05) then pool:poll() end
  end
  plan.applied[#plan.applied + 1] = applied
end

local function check_applied(applied)
  for i, one in ipairs(applied) do
    local runs, kind = hard_tasks.fate_of(one.task, one.retries + 1)
    local values = table.pack(pcall(one.result.get, one.result))
    if one.told ~= 1 or applied.counts[i] ~= runs then
      complain(one.task, "applied, told %d times, ran %d times of %d: %s", one.told,
        applied.counts[i], runs, tostring(values[2]))
    end
    local ok
    if kind then ok = not values[1] and values[2].kind == kind and values[2].attempt == runs
    else ok = values[1] and hard_tasks.is_right(one.task, table.unpack(values, 2, values.n)) end
    if not ok then complain(one.task, "applied, gave %s", tostring(values[2])) end
  end
end

-- ---- calls --------------------------------------------------------------------------

-- What a caller's loop does meanwhile.
local function meddle(call, pool, n)
  if n == call.rests_at then core.sleep(LIMIT * 1.3) end
  if call.asks and n % 3 == 0 then
    local got = pool:apply(function(x) return x + 1 end, { n })
    if got ~= n + 1 then error("applied in the loop: " .. tostring(got), 0) end
  end
end

-- The values of each task, packed.
local function results_of(call, pool, tasks, opts)
  local found, n = {}, 0
  if call.method:sub(1, 1) == "i" then
    local function note(i, ...)
      if found[i] then error("twice: " .. i, 0) end
      found[i] = table.pack(...)
    end
    for i, a, b, c, d in pool[call.method](pool, hard_tasks.work, tasks, opts) do
      n = n + 1
      note(i, a, b, c, d)
      meddle(call, pool, n)
      if n == call.leaves_at then return nil end
    end
    return found, n
  end
  local lists = table.pack(pool[call.method](pool, hard_tasks.work, tasks, opts))
  n = lists[1].n
  for at = 1, n do
    local first = lists[1][at]
    local i = workerpool.is_error(first) and first.task_index or first
    if call.method == "map" then i = at end
    if found[i] then error("twice: " .. i, 0) end
    found[i] = table.pack(first, (lists[2] or {})[at], (lists[3] or {})[at], (lists[4] or {})[at])
  end
  return found, n
end

local function trimmed(values)
  local n = values.n
  while n > 0 and values[n] == nil do n = n - 1 end
  return table.unpack(values, 1, n)
end

local function attempts_of(call)
  local most = call.opts.retries + 1
  return call.policy == "again" and math.max(most, MOST_ATTEMPTS) or most
end

local function check_task(call, task, ran, values)
  local runs, kind = hard_tasks.fate_of(task, attempts_of(call))
  if ran ~= runs then
    complain(task, "ran %d times of %d and gave %s", ran, runs, tostring(values and values[1]))
  end
  if not values then complain(task, "no result") end
  local ok
  if kind then
    local err = values[1]
    ok = workerpool.is_error(err) and err.kind == kind and err.task_index == task.i
      and err.attempt == runs
  else
    ok = hard_tasks.is_right(task, trimmed(values))
  end
  if not ok then complain(task, "gave %s", tostring(values[1])) end
end

local function check_raised(call, err)
  if call.policy ~= "raise" or not workerpool.is_error(err) then error(err, 0) end
  local task = call.tasks[err.task_index]
  local _, kind = hard_tasks.fate_of(task, attempts_of(call))
  if err.kind ~= kind then complain(task, "raised %s", tostring(err)) end
end

local function check_told(call, told)
  for i, task in ipairs(call.tasks) do
    local runs = hard_tasks.fate_of(task, attempts_of(call))
    if (told[i] or 0) ~= (task.says and runs or 0) then
      complain(task, "said %d times", told[i] or 0)
    end
  end
end

local function check_figures(call, before, after)
  local wanted = 0
  for _, task in ipairs(call.tasks) do
    wanted = wanted + select(3, hard_tasks.fate_of(task, attempts_of(call)))
  end
  if after - before ~= wanted then
    error(("insights tell of %d tasks, not of %d"):format(after - before, wanted), 0)
  end
end

local function fails(call)
  for _, task in ipairs(call.tasks) do
    if select(2, hard_tasks.fate_of(task, attempts_of(call))) then return true end
  end
  return false
end

local function n_counted(pool)
  local sum = 0
  for _, n in ipairs(pool:get_insights().n_completed_tasks or {}) do sum = sum + n end
  return sum
end

-- A late init or exit function: the call says so, and the next one works.
local function play_phase(call, pool)
  local function late() while true do end end
  local opts = { ["worker_" .. call.phase] = late, ["worker_" .. call.phase .. "_timeout"] = 0.2,
    restart_workers = true }
  local ok, err = pcall(pool.map, pool, function(x) return x end, workerpool.range(9), opts)
  if call.phase == "exit" and pool.opts.keep_alive then
    assert(ok, err)
    ok, err = pcall(pool.stop_and_join, pool)
  elseif call.phase == "exit" then
    for i = 1, 9 do assert(err.results[1][i] == i, "a result that an error should have") end
  end
  if ok or err.kind ~= "timeout" or not err.message:find("worker_" .. call.phase, 1, true) then
    error(("a late %s: %s"):format(call.phase, tostring(err)), 0)
  end
end

local function play_call(plan, pool, call)
  local counts, tasks, told = workerpool.Array("i", math.max(#call.tasks, 1)), {}, {}
  for i, task in ipairs(call.tasks) do tasks[i] = hard_tasks.arguments(counts, task) end
  local opts = { on_message = function(i) told[i] = (told[i] or 0) + 1 end }
  for name, value in pairs(call.opts) do opts[name] = value end
  -- What was under way when a call was broken off is told of in the next.
  local pure = pool.opts.enable_insights and not pool.queue and not call.asks
    and not plan.was_broken_off
  local before = pure and pool.opts.keep_alive and pool.crew and n_counted(pool) or 0
  local ok, found, n = pcall(results_of, call, pool, tasks, opts)
  plan.was_broken_off = plan.was_broken_off or not ok or not found
  if not ok then return check_raised(call, found) end
  if not found then return end
  if call.policy == "raise" and fails(call) then error("it raised nothing", 0) end
  if n ~= #tasks then error(("%d results of %d"):format(n, #tasks), 0) end
  for i, task in ipairs(call.tasks) do check_task(call, task, counts[i], found[i]) end
  check_told(call, told)
  if pure then check_figures(call, before, n_counted(pool)) end
  plan.n_played = plan.n_played + 1
end

local function play(plan)
  plan.applied, plan.n_played = {}, 0
  do
    local pool <close> = workerpool.WorkerPool(plan.pool)
    for _, call in ipairs(plan.calls) do
      if call.n_applied > 0 then apply(plan, pool, call) end
      if call.phase then
        for _, applied in ipairs(plan.applied) do check_applied(applied) end
        plan.applied = {}
        play_phase(call, pool)
      end
      play_call(plan, pool, call)
      if chance(0.3) then pool:poll(0.01) end
    end
    if plan.ends_at_once then
      for _, applied in ipairs(plan.applied) do check_applied(applied) end
      pool:terminate()
    end
  end
  for _, applied in ipairs(plan.applied) do check_applied(applied) end
  plan.applied = nil -- what it shares would be taken for left behind
end

watch.rounds(HANGS, plan_round, describe, play)
