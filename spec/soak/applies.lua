-- Single tasks at random: they behave, fail, crash, loop for ever, succeed the second
-- time, or cannot be sent or sent back; meanwhile results are polled, waited for and
-- cancelled, and maps run. Each must end once, as what it is, and have told its
-- callback once, however the pool ends.
--
--   lua5.4 spec/soak/applies.lua [seed [rounds]]

local random_tasks = require "spec.soak.random_tasks"
local workerpool = require "workerpool"

local chance, random = random_tasks.chance, math.random

local ALL = { "fine", "three", "slow", "raise", "crash", "loop", "unsendable",
  "unsendable_result", "raise_once", "crash_once" }
local TIMEOUT = 0.3
local FULL = 18000 -- more than the engine takes at once

local function plan_round()
  local n = chance(0.04) and FULL or random(80)
  local plan = { n = n, n_jobs = random(0, 3), retries = {}, told = {}, results = {},
    cancelled = {}, counts = workerpool.Array("i", n) }
  plan.names = random_tasks.draw(n == FULL and { "fine" } or ALL, n, plan.n_jobs > 0)
  for i, name in ipairs(plan.names) do
    plan.retries[i], plan.told[i] = random(0, name == "loop" and 1 or 2), 0
  end
  return plan
end

local function describe(plan)
  return ("%d tasks, %d workers"):format(plan.n, plan.n_jobs)
end

local function submit(plan, pool, i)
  local name = plan.names[i]
  local function told() plan.told[i] = plan.told[i] + 1 end
  local args = random_tasks.arguments(plan.counts, i, name)
  plan.results[i] = pool:apply_async(random_tasks.work, args, {
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

local function check(plan, i)
  local _, kind = random_tasks.fate_of(plan.names[i], plan.retries[i])
  if plan.cancelled[i] then kind = "cancelled" end
  local ok, value = pcall(plan.results[i].get, plan.results[i])
  local right = plan.told[i] == 1
  if kind then right = right and not ok and value.kind == kind
  else right = right and ok and value == i end
  if not right then
    error(("task %d, %s with %d retries: told %d times, wanted %s, got %s"):format(i, plan.names[i],
      plan.retries[i], plan.told[i], kind or "a result", tostring(value)), 0)
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

random_tasks.rounds(plan_round, describe, play)
