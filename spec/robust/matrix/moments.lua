-- The matrix, second table: when it goes wrong. Each moment has a name, what
-- it does, and impossible(fault, method), which gives the reason where a
-- fault cannot happen then.
--
-- run(cell, complain) brings the fault about at that moment and looks at what
-- comes of it. A cell has the fault, the method, and cell:pool(more options).

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local misdeeds = require "misdeeds"
local crimes = require "spec.robust.matrix.crimes"
local invariant = require "spec.robust.matrix.invariant"

local N_TASKS, GUILTY, CHUNK = 9, 5, 3
-- Seconds: for functions that do not end, and for those that do.
local SHORT, LONG = 0.15 * helper.scale, 20 * helper.scale

local function limit_of(fault) return fault.timed and SHORT or LONG end

-- ---- in and around a task -----------------------------------------------------------

-- Runs the tasks twice: once until all are over, once until the first error.
local function run_tasks(cell, complain, f, task_of, wrapped)
  local fault, tasks = cell.fault, {}
  for i = 1, N_TASKS do tasks[i] = task_of(i) end
  local pool <close> = cell:pool()
  local ledger = invariant.ledger(complain, fault, N_TASKS, GUILTY, wrapped)
  for i, value in pool:imap_unordered(f, tasks, {
    chunk_size = CHUNK, on_error = "collect", task_timeout = limit_of(fault) }) do
    ledger.add(i, value)
  end
  ledger.finish()
  if fault.kind then
    local ok, err = pcall(pool.map, pool, f, tasks,
      { chunk_size = CHUNK, task_timeout = limit_of(fault) })
    if ok then complain("map raised nothing") end
    invariant.blame(complain, fault, err, { task = GUILTY, wrapped = wrapped })
  end
  invariant.goes_on(complain, pool)
end

local function in_task(cell, complain)
  run_tasks(cell, complain, crimes.task,
    function(i) return { i, GUILTY, cell.fault.name } end)
end

local function before_read(cell, complain)
  run_tasks(cell, complain, crimes.read_task,
    function(i) return { i, i == GUILTY and crimes.ambush(cell.fault.name) or nil } end, true)
end

local function while_writing(cell, complain)
  run_tasks(cell, complain, crimes.large_task,
    function(i) return { i, GUILTY, cell.fault.name } end, true)
end

-- ---- from outside -------------------------------------------------------------------

local function idle(cell, complain)
  local fault = cell.fault
  local pool <close> = cell:pool { keep_alive = true }
  pool:map(crimes.right, workerpool.range(4))
  if fault.number then
    misdeeds.kill(pool.crew.engine:pid(0), fault.number)
  else
    pool:map(crimes.task, { { 1, 1, fault.name }, { 2 } })
  end
  local list = pool:map(crimes.right, workerpool.range(N_TASKS),
    { chunk_size = 1, task_timeout = limit_of(fault) })
  invariant.all_right(complain, list, N_TASKS)
  invariant.goes_on(complain, pool)
end

-- Its result has more bytes than fit between the two, and the host does not look.
local function on_its_way(cell, complain)
  local fault = cell.fault
  local pool <close> = cell:pool { n_jobs = 1, keep_alive = true }
  local flag = workerpool.Value("i", 0)
  local limits = { task_timeout = limit_of(fault) }
  local large = pool:apply_async(crimes.stuck_task, { flag, 5 << 20 }, limits)
  local behind = pool:apply_async(crimes.right, 2)
  local pid = pool.crew.engine:pid(0)
  helper.eventually(function() return flag.value == 1 and helper.state(pid) == "S" end)
  misdeeds.kill(pid, fault.number)
  local ok, err = pcall(large.get, large)
  if ok then complain("the large result arrived") end
  invariant.blame(complain, fault, err, { task = 1 })
  if behind:get() ~= 20 then complain("the task behind it") end
  invariant.goes_on(complain, pool)
end

-- ---- init and exit ------------------------------------------------------------------

-- The fault in the call with this number of a worker's init or exit.
local function in_phase(cell, complain, phase, number, call)
  local fault, name = cell.fault, cell.fault.name
  local count = workerpool.Value("i", 0)
  local pool <close> = cell:pool { shared_objects = count }
  local options = { chunk_size = 1, [phase .. "_timeout"] = limit_of(fault),
    [phase] = function(shared)
      return require("spec.robust.matrix.crimes").count_and_commit(shared, number, name)
    end }
  for key, value in pairs(call or {}) do options[key] = value end
  local ok, list = pcall(pool.map, pool, function(_, x) return x * 10 end,
    workerpool.range(N_TASKS), options)
  local harmless = not fault.kind or fault.is_result and phase == "worker_init"
  if harmless and not ok then
    complain("raised %s", tostring(list))
  elseif not harmless and ok then
    complain("map raised nothing")
  elseif not harmless then
    invariant.blame(complain, fault, list, { phase = phase })
    list = phase == "worker_exit" and list.results[1] or nil
  end
  if list then invariant.all_right(complain, list, N_TASKS) end
  if count.value < number then complain("%s ran %d times", phase, count.value) end
  local again = pool:map(function(_, x) return x * 10 end, workerpool.range(6))
  invariant.all_right(complain, again, 6)
end

local function in_init(cell, complain) in_phase(cell, complain, "worker_init", 1) end
local function in_exit(cell, complain) in_phase(cell, complain, "worker_exit", 1) end

-- The first worker to leave is one whose life is over, while others work.
local function retiring(cell, complain)
  in_phase(cell, complain, "worker_exit", 1, { worker_lifespan = 2 })
end

-- With two workers, the third to start is a successor.
local function succeeding(cell, complain)
  in_phase(cell, complain, "worker_init", 3, { worker_lifespan = 2 })
end

-- ---- while the host leaves ------------------------------------------------------------

-- All tasks but the first are guilty, and the host goes when that one is over.
local function leaving(cell, complain, leave)
  local fault = cell.fault
  local pool <close> = cell:pool()
  local tasks, got = {}, 0
  for i = 1, N_TASKS do tasks[i] = { i, i > 1 and i or 0, fault.name } end
  local ok, err = pcall(function()
    for i, value in pool:imap(crimes.task, tasks, { chunk_size = 1, on_error = "collect" }) do
      got = got + 1
      if value ~= crimes.right(i) then complain("task %d gave %s", i, tostring(value)) end
      leave(pool)
    end
  end)
  if got ~= 1 then complain("%d results before the host left", got) end
  invariant.goes_on(complain, pool)
  return ok, err
end

local function interrupted(cell, complain)
  local ok, err = leaving(cell, complain, function() error("the host leaves", 0) end)
  if ok or err ~= "the host leaves" then complain("raised %s", tostring(err)) end
  ok, err = leaving(cell, complain, function(pool) pool:terminate() end)
  if not ok and err.kind ~= "cancelled" then complain("raised %s", tostring(err)) end
end

-- The same in a program of its own, for the error that a signal is made into.
local function signalled(cell, complain)
  local result = helper.run { helper.lua, "spec/robust/matrix/interrupted.lua",
    package.cpath, cell.method, cell.fault.name, tostring(cell.fault.memory_limit) }
  if result.stdout ~= "false\tinterrupted!\t1\n10 20 30 40 50 60\n" then
    complain("printed %s%s", result.stdout, result.stderr)
  end
  if result.status ~= 0 then complain("ended with status %d", result.status) end
end

-- ---- a pool within a pool ---------------------------------------------------------------

-- In a worker of the outer pool; functions and options come as they would in
-- any program.
local function inner(method, fault, limit)
  local inside = require "spec.robust.matrix.crimes"
  local pool <close> = require("workerpool").WorkerPool {
    n_jobs = 2, start_method = method, memory_limit = fault.memory_limit }
  local tasks = {}
  for i = 1, 9 do tasks[i] = { i, 5, fault.name } end
  local first = pool:map(inside.task, tasks,
    { chunk_size = 3, on_error = "collect", task_timeout = limit })
  return first, pool:map(inside.right, { 1, 2, 3, 4, 5, 6 })
end

local function nested(cell, complain)
  local fault = cell.fault
  local pool <close> = cell:pool { daemon = false, n_jobs = 1, memory_limit = false }
  local first, second = pool:apply(inner, { cell.method, fault, limit_of(fault) })
  local ledger = invariant.ledger(complain, fault, N_TASKS, GUILTY)
  for i = 1, N_TASKS do ledger.add(i, first[i]) end
  ledger.finish()
  invariant.all_right(complain, second, 6)
  invariant.goes_on(complain, pool)
end

-- While its own workers are at the same, and must not outlive it.
local function outer(method, name)
  local inside = require "spec.robust.matrix.crimes"
  local pool <close> = require("workerpool").WorkerPool { n_jobs = 2, start_method = method }
  local endless = pool:apply_async(function() while true do end end)
  local result = inside.commit(name)
  endless:cancel()
  return result or 10
end

local function around_nested(cell, complain)
  local fault = cell.fault.around or cell.fault
  -- A thread could not be stopped while it waits for threads of its own.
  local method = cell.method == "threading" and "spawn" or cell.method
  local pool <close> = cell:pool { daemon = false }
  local ok, err = pcall(pool.apply, pool, outer, { method, cell.fault.name },
    { task_timeout = limit_of(fault) })
  if not fault.kind then
    if not ok or err ~= 10 then complain("gave %s", tostring(err)) end
  elseif ok then
    complain("apply raised nothing")
  else
    invariant.blame(complain, fault, err, { task = 1 })
  end
  invariant.goes_on(complain, pool)
end

-- ---- the table ----------------------------------------------------------------------------

local function always() end

local function no_result_yet(fault)
  return fault.is_result and "there is no result yet" or nil
end

local function no_function(fault)
  if fault.number or not fault.kind then return nil end
  return "an idle worker runs none of the user's code; the fault would be the task's before"
end

local function only_signals(fault)
  return not fault.number and "the function is over: only somebody else can do harm now" or nil
end

return {
  { name = "idle", run = idle, impossible = no_function },
  { name = "before the task is read", run = before_read, impossible = no_result_yet },
  { name = "in the task", run = in_task, impossible = always },
  { name = "while a large result is written", run = while_writing, impossible = always },
  { name = "while a large result waits for the host", run = on_its_way,
    impossible = only_signals },
  { name = "in init", run = in_init, impossible = always, is_before_leaving = true },
  { name = "in exit", run = in_exit, impossible = always, is_before_leaving = true },
  { name = "in the exit of a life that is over", run = retiring, impossible = always,
    is_before_leaving = true },
  { name = "in the init of a successor", run = succeeding, impossible = always,
    is_before_leaving = true },
  { name = "while the host is interrupted", run = interrupted, impossible = always },
  { name = "while the host gets SIGINT", run = signalled, impossible = always,
    needs_interrupts = true },
  { name = "in a nested pool", run = nested, impossible = always },
  { name = "around a nested pool", run = around_nested, impossible = always },
}
