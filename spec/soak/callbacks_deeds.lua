-- What code of the caller's does in the soak of callbacks (callbacks.lua): single tasks,
-- endings, settings, finalizers.

local core = require "workerpool.core"
local game = require "spec.soak.callbacks_game"
local random_tasks = require "spec.soak.random_tasks"
local tasks = require "spec.soak.callbacks_tasks"
local workerpool = require "workerpool"

local chance, random = random_tasks.chance, math.random

local deeds = {}

local function sent() return #game.tasks > 0 and game.tasks[random(#game.tasks)] or nil end

function deeds.apply_async()
  if game.last_id > game.MOST_TASKS then return end
  local task = tasks.new_task(random(0, 2))
  game.note("apply_async %d, %s, %d retries", task.id, task.name, task.retries)
  local ok, result = game.try("apply_async", game.pool.apply_async, game.pool, tasks.work_of(task),
    tasks.arguments_of(task), tasks.options_of(task))
  if not ok and (not result or tasks.is_refused(result)) then return end
  if not ok then game.fail("apply_async: %s", tostring(result)) end
  task.result = result
  game.tasks[#game.tasks + 1] = task
end

function deeds.apply()
  local task = tasks.new_task(random(0, 1))
  game.note("apply %d, %s", task.id, task.name)
  local ok, value = game.try("apply", game.pool.apply, game.pool, tasks.work_of(task),
    tasks.arguments_of(task), { retries = task.retries })
  if ok and not tasks.is_right(task, value) then
    game.fail("apply %d gave %s", task.id, tostring(value))
  end
  if not ok and tasks.is_refused(value) then return end
  if ok or value then tasks.check_end(task, not ok and value or nil) end
end

function deeds.get()
  local task = sent()
  if not task then return end
  game.note("get %d", task.id)
  tasks.get(task)
end

function deeds.get_soon()
  local task = sent()
  if not task then return end
  game.note("get %d soon", task.id)
  tasks.get(task, 0.002)
end

function deeds.wait()
  local task = sent()
  if not task then return end
  game.note("wait %d", task.id)
  local ok, is_over = game.try("wait", task.result.wait, task.result)
  if ok and not is_over then game.fail("waited for task %d in vain", task.id) end
end

function deeds.cancel()
  local task = sent()
  if not task then return end
  game.note("cancel %d", task.id)
  -- Whatever it returns: a callback may have cancelled it from within.
  task.is_cancelled = true
  game.try("cancel", task.result.cancel, task.result)
end

function deeds.wait_any()
  local list = {}
  for i, task in ipairs(game.tasks) do list[i] = task.result end
  game.note("wait_any")
  local ok, result = game.try("wait_any", game.pool.wait_any, game.pool, list)
  if ok and #list > 0 and not result then game.fail("wait_any gave nothing") end
end

function deeds.poll()
  game.note("poll")
  game.try("poll", game.pool.poll, game.pool, chance(0.5) and 0.002 or nil)
end

function deeds.terminate()
  game.note("terminate")
  game.ends, game.terminating = game.ends + 1, game.terminating + 1
  if not game.try("terminate", game.pool.terminate, game.pool) then game.fail("terminate raised") end
  -- Also of what was sent while it told.
  game.ends, game.terminating = game.ends + 1, game.terminating - 1
end

function deeds.join()
  game.note("join")
  local ok, err = game.try("join", game.pool.stop_and_join, game.pool)
  if not ok and err then game.fail("join: %s", tostring(err)) end
  if not ok then game.joins_that_raised = game.joins_that_raised + 1 end
end

local SETTERS = { "set_keep_alive", "set_order_tasks", "pass_on_worker_id", "set_use_worker_state",
  "set_shared_objects" }

function deeds.set()
  local what = SETTERS[random(#SETTERS)]
  game.note(what)
  game.pool[what](game.pool, chance(0.5))
end

function deeds.other_pool()
  game.note("other pool")
  local other <close> = workerpool.WorkerPool { n_jobs = random(0, 1) }
  if other:apply(math.abs, { -5 }) ~= 5 then game.fail("another pool is wrong") end
end

-- Something that acts when it is collected, whenever that is.
function deeds.litter()
  game.note("litter")
  local host = core.getpid()
  setmetatable({}, { __gc = function()
    if core.getpid() ~= host then return end
    game.finalizers = game.finalizers + 1
    game.act("finalizer")
    game.finalizers = game.finalizers - 1
  end })
end

return deeds
