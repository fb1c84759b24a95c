-- The tasks of nests.lua, and what becomes of them. A node is a task; one with children
-- makes a pool of its own, and its result is its value and all of theirs. Workers of every
-- start method find this module by its name.

local core = require "workerpool.core"
local misdeeds = require "misdeeds"
local workerpool = require "workerpool"

local nested_tasks = {}

local SIGKILL, SIGSTOP = 9, 19

-- What an error of a child counts in its parent's sum.
local WORTH = { error = 10 ^ 4 | 0, crash = 10 ^ 6 | 0, timeout = 10 ^ 8 | 0 }

local function wait_for_ever() while true do end end

-- kind: of the error that it gets; endless: only its killing ends it.
local HARM = {
  raise = { f = function() error("bad", 0) end, kind = "error", in_thread = true },
  leave = { f = function() os.exit(4) end, kind = "crash", in_thread = true },
  kill = { f = function() misdeeds.kill(core.getpid(), SIGKILL) core.sleep(60) end,
    kind = "crash" },
  vanish = { f = function() misdeeds.leave(5) end, kind = "crash" },
  become = { f = function() misdeeds.become("true", "") end, kind = "crash" },
  linger = { f = function() misdeeds.linger(50) end },
  twin = { f = function() misdeeds.fork() end },
  deaf = { f = function() misdeeds.turn_deaf() end },
  loop = { f = wait_for_ever, kind = "timeout", endless = true, in_thread = true },
  sleep = { f = function() core.sleep(60) wait_for_ever() end, kind = "timeout", endless = true },
  stop = { f = function() misdeeds.kill(core.getpid(), SIGSTOP) wait_for_ever() end,
    kind = "timeout", endless = true },
  deaf_loop = { f = function() misdeeds.turn_deaf() wait_for_ever() end, kind = "timeout",
    endless = true },
}

local NAMES = {}
for name in pairs(HARM) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

-- Done when the task has no pool, or has it no more.
local AT_LAST = { deaf = true, twin = true }
local WHEN = { "before", "amid", "after" }

local random = math.random

function nested_tasks.draw_harm(in_thread, may_be_late)
  local name = NAMES[random(#NAMES)]
  local harm = HARM[name]
  if in_thread and not harm.in_thread or harm.endless and not may_be_late then name = "raise" end
  return name, AT_LAST[name] and "after" or WHEN[random(HARM[name].kind and 3 or 1)]
end

function nested_tasks.draw_endless(in_thread)
  local name
  repeat name = NAMES[random(#NAMES)]
  until HARM[name].endless and (HARM[name].in_thread or not in_thread)
  return name
end

function nested_tasks.is_late(node) return node.harm ~= nil and HARM[node.harm].endless end

--- The pool that a node makes, and how it calls it.
function nested_tasks.give_pool(node, start)
  node.pool = { n_jobs = random(2), start_method = start, daemon = random() < 0.1,
    keep_alive = random() < 0.3, order_tasks = random() < 0.3 }
  node.opts = { on_error = "collect", retries = random(0, 1), chunk_size = 1 }
end

-- ---- doing it ------------------------------------------------------------------------

function nested_tasks.arguments(node)
  local list = {}
  for i, child in ipairs(node.children) do list[i] = { child } end
  return list
end

local function do_harm(node, when)
  if node.harm and (node.when or "before") == when then HARM[node.harm].f() end
end

-- Harm amid the work of a pool whose tasks do not end.
local function be_amid(node)
  local pool <close> = workerpool.WorkerPool(node.pool)
  for _, args in ipairs(nested_tasks.arguments(node)) do
    pool:apply_async(nested_tasks.work, args)
  end
  core.sleep(0.05 * math.random())
  do_harm(node, "amid")
end

local function worth_of(value)
  return workerpool.is_error(value) and WORTH[value.kind] or value
end

function nested_tasks.work(node)
  do_harm(node, "before")
  if not node.children then
    do_harm(node, "amid")
    do_harm(node, "after")
    return node.value
  end
  if node.when == "amid" then be_amid(node) end
  local pool <close> = workerpool.WorkerPool(node.pool)
  local list = pool:map(nested_tasks.work, nested_tasks.arguments(node), node.opts)
  local sum = node.value
  for i = 1, list.n do sum = sum + worth_of(list[i]) end
  pool:stop_and_join()
  do_harm(node, "after")
  return sum
end

-- ---- the model -----------------------------------------------------------------------

local START_SECONDS = 0.8 -- that a pool, or a task that is not late, may take

-- The seconds that a task may take which is let end.
local function longest(node)
  local sum = START_SECONDS
  for _, child in ipairs(node.children or {}) do
    local each = nested_tasks.is_late(child) and node.opts.task_timeout or longest(child)
    sum = sum + (node.opts.retries + 1) * each
  end
  return sum
end

--- Gives pools a limit where they need one, which no other task of theirs exceeds.
function nested_tasks.limit(node)
  local most, any = 0, false
  for _, child in ipairs(node.children or {}) do
    nested_tasks.limit(child)
    if nested_tasks.is_late(child) then any = true
    else most = math.max(most, longest(child)) end
  end
  if any then node.opts.task_timeout = most + START_SECONDS end
end

--- The result of a child in the pool of a node, or the kind of its error.
function nested_tasks.outcome(node, child)
  local harm = child.harm and HARM[child.harm]
  if harm and harm.kind and (child.when ~= "after" or not child.children) then
    -- Who may not have a pool fails where it would have made one.
    if child.when == "amid" and child.children and node.pool.daemon then return "error" end
    return harm.kind
  end
  if child.children and node.pool.daemon then return "error" end
  local sum = child.value
  for _, grandchild in ipairs(child.children or {}) do
    local value = nested_tasks.outcome(child, grandchild)
    sum = sum + (WORTH[value] or value)
  end
  return harm and harm.kind or sum
end

return nested_tasks
