-- Single tasks at random: they behave, fail, crash, loop for ever, succeed the second
-- time, or cannot be sent or sent back; meanwhile results are polled, waited for and
-- cancelled, and maps run. Each must end once, as what it is, and have told its
-- callback once, however the pool ends.
--
--   lua5.4 spec/soak/applies.lua [seed [rounds]]

local workerpool = require "workerpool"
local core = require "workerpool.core"

local seed = tonumber(arg[1]) or os.time()
local rounds = tonumber(arg[2]) or 100
local random = math.random
math.randomseed(seed)

local function chance(p) return random() < p end

-- ---- tasks ------------------------------------------------------------------------

-- What a task does at which attempt, the kind of error that it ends with, and
-- whether it costs a worker or time.
local TASKS = {
  fine = { run = function(i) return i end },
  three = { run = function(i) return i, i, i end },
  slow = { run = function(i) core.sleep(0.02) return i end, is_dear = true },
  raise = { run = function() error("bad", 0) end, kind = "error" },
  crash = { run = function() os.exit(3) end, kind = "crash", is_dear = true },
  loop = { run = function() while true do end end, kind = "timeout", is_dear = true },
  unsendable = { run = function(i) return i end, kind = "encode" },
  unsendable_result = { run = function() return io.stdout end, kind = "encode" },
  raise_once = { kind = "error", is_cured = true,
    run = function(i, attempt) return attempt > 1 and i or error("once", 0) end },
  crash_once = { kind = "crash", is_cured = true, is_dear = true,
    run = function(i, attempt) return attempt > 1 and i or os.exit(4) end },
}
local NAMES = {}
for name in pairs(TASKS) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

local TIMEOUT, MOST_DEAR = 0.3, 12
local FULL = 18000 -- more than the engine takes at once

local function work(counts, i, name)
  return TASKS[name].run(i, counts:add(i, 1))
end

-- ---- a round ------------------------------------------------------------------------

local function plan_round()
  local n = chance(0.04) and FULL or random(80)
  local plan = { n = n, n_jobs = random(0, 3), names = {}, retries = {}, told = {}, results = {},
    cancelled = {}, counts = workerpool.Array("i", n) }
  local dear = 0
  for i = 1, n do
    local name = n == FULL and "fine" or NAMES[random(#NAMES)]
    if TASKS[name].is_dear then
      dear = dear + 1
      if plan.n_jobs == 0 or dear > MOST_DEAR then name = "fine" end
    end
    plan.names[i], plan.retries[i], plan.told[i] = name, random(0, name == "loop" and 1 or 2), 0
  end
  return plan
end

local function submit(plan, pool, i)
  local name = plan.names[i]
  local function told() plan.told[i] = plan.told[i] + 1 end
  plan.results[i] = pool:apply_async(work,
    { plan.counts, i, name == "unsendable" and io.stdout or name }, {
      retries = plan.retries[i], callback = told, error_callback = told,
      task_timeout = name == "loop" and TIMEOUT or chance(0.1) and 60 or nil,
    })
end

-- Something that a caller might do next.
local function meddle(plan, pool, i)
  local x = random()
  if x < 0.05 then
    pool:poll()
  elseif x < 0.07 then
    assert(pool:map(tostring, workerpool.range(30))[30] == "30")
  elseif x < 0.1 then
    local k = random(i)
    plan.cancelled[k] = plan.results[k]:cancel() or plan.cancelled[k]
  elseif x < 0.12 then
    plan.results[random(i)]:wait(0.01)
  elseif x < 0.13 and plan.n < FULL then
    assert(pool:wait_any(plan.results))
  end
end

-- What a task has come to: the kind of its error, or nil.
local function fate_of(plan, i)
  local task = TASKS[plan.names[i]]
  if plan.cancelled[i] then return "cancelled" end
  if task.is_cured and plan.retries[i] > 0 then return nil end
  return task.kind
end

local function check(plan, i)
  local fate = fate_of(plan, i)
  local ok, value = pcall(plan.results[i].get, plan.results[i])
  local right = plan.told[i] == 1
  if fate then right = right and not ok and value.kind == fate
  else right = right and ok and value == i end
  if not right then
    error(("task %d, %s with %d retries: told %d times, wanted %s, got %s"):format(i, plan.names[i],
      plan.retries[i], plan.told[i], fate or "a result", tostring(value)), 0)
  end
end

local function play(plan)
  local pool <close> = workerpool.WorkerPool {
    n_jobs = plan.n_jobs, keep_alive = chance(0.5), order_tasks = chance(0.3),
    output = chance(0.15) and "capture" or nil,
  }
  for i = 1, plan.n do
    submit(plan, pool, i)
    meddle(plan, pool, i)
  end
  if chance(0.4) then pool:join() end
  for i = 1, plan.n do check(plan, i) end
  if chance(0.5) then pool:terminate() end
end

print(("seed %d, %d rounds"):format(seed, rounds))
io.stdout:setvbuf("line")
for round = 1, rounds do
  local plan = plan_round()
  print(round, ("%d tasks, %d workers"):format(plan.n, plan.n_jobs))
  play(plan)
end
print("clean")
