-- Calls at random: any method, any form of tasks, any options, and tasks that
-- behave, fail, crash, succeed the second time, or cannot be sent or sent back.
-- Every result must be there, right and once, every error in its place, and each
-- task must have run as often as retries say.
--
--   lua5.4 spec/soak/calls.lua [seed [rounds]]

local random_tasks = require "spec.soak.random_tasks"
local workerpool = require "workerpool"

local chance, random = random_tasks.chance, math.random

local HARMLESS = { "fine", "none", "three", "big" }
local ALL = { "fine", "none", "three", "big", "raise", "raise_table", "unsendable",
  "unsendable_result", "crash", "raise_once", "crash_once" }

-- The tasks as a list, or as an iterator that gives lists or several values.
local function form_of(tasks, form)
  if form == "list" then return tasks end
  local i = 0
  return function()
    i = i + 1
    if form == "lists" or not tasks[i] then return tasks[i] end
    return table.unpack(tasks[i])
  end
end

-- ---- a round ------------------------------------------------------------------------

local METHODS = { "map", "map_unordered", "imap", "imap_unordered" }
local FORMS = { "list", "lists", "values" }

local function skip(err) return "skip", err end

local function options_for(plan)
  local opts = { retries = random(0, 2), on_error = chance(0.5) and "collect" or skip }
  if chance(0.5) then opts.chunk_size = random(20) end
  if chance(0.4) then opts.max_tasks_active = random(30) end
  if chance(0.3) and plan.n_jobs > 0 then opts.worker_lifespan = random(10) end
  if chance(0.2) then opts.retry_delay = 0.01 end
  if chance(0.3) then opts.task_timeout = 60 end
  if plan.form ~= "list" and chance(0.5) then opts.iterable_len = plan.n end
  return opts
end

local function plan_round()
  local plan = {
    n = random(0, chance(0.2) and 400 or 60), n_jobs = random(0, 3),
    method = METHODS[random(#METHODS)], form = FORMS[random(#FORMS)],
  }
  local threads = plan.n_jobs > 0 and chance(0.15)
  plan.pool = {
    n_jobs = plan.n_jobs, keep_alive = chance(0.5), order_tasks = chance(0.2),
    start_method = threads and "threading" or nil,
    output = not threads and chance(0.2) and "capture" or nil,
  }
  plan.opts = options_for(plan)
  local choice = chance(0.3) and HARMLESS or chance(0.2) and { "unsendable" } or ALL
  plan.names = random_tasks.draw(choice, plan.n, plan.n_jobs > 0 and not threads)
  return plan
end

local function describe(plan)
  local words = { plan.method, plan.form, "n=" .. plan.n }
  for _, options in ipairs { plan.pool, plan.opts } do
    for name, value in pairs(options) do
      words[#words + 1] = name .. "=" .. (value == skip and "skip" or tostring(value))
    end
  end
  return table.concat(words, " ", 1, 3) .. " " .. table.concat(words, " ", 4)
end

-- ---- what must come out ----------------------------------------------------------------

-- Lists of first, second and third results, by task. Of map_unordered what a
-- result is tells whose it is; that of a task without one is nobody's.
local function results_of(plan, pool, tasks)
  local first, second, third, n = {}, {}, {}, 0
  local given = form_of(tasks, plan.form)
  if plan.method:sub(1, 1) == "i" then
    for i, a, b, c in pool[plan.method](pool, random_tasks.work, given, plan.opts) do
      assert(first[i] == nil, "twice")
      first[i], second[i], third[i], n = a, b, c, n + 1
    end
  elseif plan.method == "map" then
    first, second, third = pool:map(random_tasks.work, given, plan.opts)
    n = first.n
  else
    local pile = pool:map_unordered(random_tasks.work, given, plan.opts)
    n = pile.n
    for at = 1, n do
      local value = pile[at]
      local i = workerpool.is_error(value) and value.task_index
        or type(value) == "string" and tonumber(value:match("%d+$")) or value
      if i then
        assert(first[i] == nil, "twice")
        first[i] = value
      end
    end
    second, third = nil, nil
  end
  assert(n == plan.n, ("%d results of %d tasks"):format(n, plan.n))
  return first, second, third
end

local function is_right(name, i, value, second, third)
  if name == "none" then return value == nil end
  if name == "big" then return value == random_tasks.BIG .. i end
  local has_all = name ~= "three" or not second or second[i] == 2 * i and third[i] == 3 * i
  return value == i and has_all
end

local function check(plan, counts, first, second, third)
  for i, name in ipairs(plan.names) do
    local runs, kind = random_tasks.fate_of(name, plan.opts.retries)
    local value = first[i]
    local ok = counts[i] == runs
    if kind then
      ok = ok and workerpool.is_error(value) and value.kind == kind and value.task_index == i
        and value.attempt == math.max(runs, 1)
    else
      ok = ok and is_right(name, i, value, second, third)
    end
    if not ok then
      error(("task %d, %s: ran %d times of %d, and gave %s"):format(i, name, counts[i], runs,
        tostring(value)), 0)
    end
  end
end

local function call(plan, pool)
  local counts, tasks = workerpool.Array("i", math.max(plan.n, 1)), {}
  for i, name in ipairs(plan.names) do
    tasks[i] = random_tasks.arguments(counts, i, name)
  end
  check(plan, counts, results_of(plan, pool, tasks))
end

local function play(plan)
  local pool <close> = workerpool.WorkerPool(plan.pool)
  local applied = {}
  for i = 1, chance(0.3) and 50 or 0 do
    applied[i] = pool:apply_async(function(x) return x end, { i })
  end
  for _ = 1, plan.pool.keep_alive and 2 or 1 do call(plan, pool) end
  for i, result in ipairs(applied) do assert(result:get() == i) end
  if chance(0.5) then pool:terminate() end
end

random_tasks.rounds(plan_round, describe, play)
