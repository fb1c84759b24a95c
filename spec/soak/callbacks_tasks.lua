-- The tasks of the soak of callbacks (callbacks.lua), and what may become of each.

local game = require "spec.soak.callbacks_game"
local random_tasks = require "spec.soak.random_tasks"
local workerpool = require "workerpool"

local chance, random = random_tasks.chance, math.random

local tasks = {}

local NAMES = { "fine", "fine", "three", "slow", "raise", "crash", "unsendable",
  "unsendable_result", "raise_once", "crash_once" }

-- Also with what comes first: worker id, shared objects.
function tasks.work(...)
  local its_counts, i, name = select(-3, ...)
  if i % 3 == 0 then workerpool.emit(i) end
  if i % 2 == 0 and game.plan.prints then
    print("task", i)
    io.stdout:flush()
  end
  return random_tasks.work(its_counts, i, name)
end

-- Single tasks are done by one of three functions, so that one is not taken for another.
local KINDS_OF_WORK = 3
local works = {}
for k = 0, KINDS_OF_WORK - 1 do
  works[k] = function(...)
    if select(-2, ...) % KINDS_OF_WORK ~= k then return "done by another function" end
    return tasks.work(...)
  end
end

function tasks.work_of(task) return works[task.id % KINDS_OF_WORK] end

function tasks.new_task(retries)
  local id = game.last_id + 1
  game.last_id = id
  local name = NAMES[random(#NAMES)]
  if game.plan.n_jobs == 0 and name:find("crash") then name = "fine" end
  return { id = id, name = name, retries = retries, told = 0, ends = game.ends,
    is_of_finalizer = game.finalizers > 0 }
end

local function callback_of(task)
  return function(...)
    task.told = task.told + 1
    if task.result and not task.result:ready() then
      game.fail("task %d is told too early", task.id)
    end
    if task.name == "three" and select("#", ...) == 3 and select(3, ...) ~= 3 * task.id then
      game.fail("task %d: callback got %s", task.id, tostring((...)))
    end
    return game.hook("callback of " .. task.id)()
  end
end

function tasks.options_of(task)
  local told = callback_of(task)
  local opts = { retries = task.retries, callback = told, error_callback = told }
  if chance(0.2) then opts.task_timeout = 60 end
  if game.plan.prints and chance(0.5) then
    opts.on_output = game.hook("on_output of " .. task.id)
  end
  return opts
end

function tasks.arguments_of(task) return random_tasks.arguments(game.counts, task.id, task.name) end

function tasks.is_right(task, value)
  return value == task.id
end

local REFUSED = "a codec cannot write while"

-- While it tells callbacks that it is terminated, a pool takes nothing.
function tasks.is_refused(err)
  return game.terminating > 0 and err and err.message:find("is being terminated", 1, true) ~= nil
end

-- May it have ended with this error, or a result?
function tasks.check_end(task, err)
  local kind = err and err.kind or nil
  local _, fate = random_tasks.fate_of(task.name, task.retries)
  local was_ended = task.is_cancelled or game.ends > task.ends or game.terminating > 0
  -- A finalizer may have sent it while something else was being packed.
  if task.is_of_finalizer and err and err.message:find(REFUSED, 1, true) then return end
  if kind ~= fate and not (kind == "cancelled" and was_ended) then
    game.fail("task %d, %s with %d retries, came to %s, wanted %s", task.id, task.name, task.retries,
      kind or "a result", fate or "a result")
  end
end

function tasks.get(task, timeout)
  local ok, value = game.try("get", task.result.get, task.result, timeout)
  if ok then
    if not tasks.is_right(task, value) then
      game.fail("task %d gave %s", task.id, tostring(value))
    end
    tasks.check_end(task, nil)
  elseif value and not (timeout and value.message:find("is not ready after", 1, true)) then
    if value.task_index ~= task.result:task_id() and value.kind ~= "cancelled" then
      game.fail("task %d raised %s", task.id, tostring(value))
    end
    tasks.check_end(task, value)
  end
end

return tasks
