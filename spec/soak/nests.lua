-- Pools in tasks of pools, up to three deep, under all start methods; in any of them a
-- task may fail, crash, be late, stop or change its process, before, amid or after a pool
-- of its own is at work, and the outermost pool may be ended while all are. What comes out
-- must be what a model says, and nobody may be left running.
--
--   lua5.4 spec/soak/nests.lua [seed [rounds]]

local watch = require "spec.soak.watch"
watch.allow_misdeeds()

local core = require "workerpool.core"
local nested_tasks = require "spec.soak.nested_tasks"
local random_tasks = require "spec.soak.random_tasks"
local workerpool = require "workerpool"

local chance, random = random_tasks.chance, math.random

local STARTS = { "fork", "fork", "forkserver", "spawn", "threading" }
local HANGS = 120 -- seconds that no round takes
local MOST_LATE = 2 -- of a round: each takes some seconds

-- ---- plans ------------------------------------------------------------------------

-- `in_thread`: the node's task runs in a thread, or in a process that is forked by one.
local function plan_node(round, depth, in_thread, is_amid)
  local node = { value = random(100) }
  if is_amid then
    node.harm = nested_tasks.draw_endless(in_thread)
    if depth == 0 or chance(0.6) then return node end
    node.when = "amid"
  elseif chance(0.35) then
    node.harm, node.when = nested_tasks.draw_harm(in_thread, round.n_late < MOST_LATE)
    if nested_tasks.is_late(node) then round.n_late = round.n_late + 1 end
  end
  if depth > 0 then nested_tasks.give_pool(node, STARTS[random(#STARTS)]) end
  if not node.pool then return node end
  local threads = node.pool.start_method == "threading"
  node.children = {}
  for i = 1, random(3) do
    node.children[i] = plan_node(round, depth - 1, threads, node.when == "amid")
  end
  return node
end

local ENDS = { "map", "map", "map", "terminate", "leave", "forget", "fail" }

local function plan_round()
  local round = { n_late = 0, finish = ENDS[random(#ENDS)] }
  local start = STARTS[random(#STARTS)]
  round.root = { value = 0, leaves_at = 1 }
  nested_tasks.give_pool(round.root, start)
  round.root.pool.daemon = false
  round.root.children = {}
  for i = 1, random(4) do
    round.root.children[i] = plan_node(round, random(0, 2), start == "threading",
      round.finish ~= "map" and chance(0.5))
  end
  nested_tasks.limit(round.root)
  return round
end

local function describe_node(node, words, indent)
  local pool = node.pool
  words[#words + 1] = ("\n%s%s %s %s"):format(indent, node.harm or "fine", node.when or "",
    pool and ("%s n_jobs=%d daemon=%s retries=%d limit=%s"):format(pool.start_method, pool.n_jobs,
      pool.daemon, node.opts.retries, node.opts.task_timeout) or "")
  for _, child in ipairs(node.children or {}) do describe_node(child, words, indent .. "  ") end
  return words
end

local function describe(round)
  return round.finish .. table.concat(describe_node(round.root, {}, "    "))
end

-- ---- rounds -----------------------------------------------------------------------

local finish = {}

function finish.map(root)
  local pool <close> = workerpool.WorkerPool(root.pool)
  local got = pool:map(nested_tasks.work, nested_tasks.arguments(root), root.opts)
  for i, child in ipairs(root.children) do
    local wanted, value = nested_tasks.outcome(root, child), got[i]
    if workerpool.is_error(value) then value = value.kind end
    if value ~= wanted then
      error(("child %d gave %s, not %s"):format(i, tostring(got[i]), wanted), 0)
    end
  end
end

local function begin(root)
  local pool = workerpool.WorkerPool(root.pool)
  for _, args in ipairs(nested_tasks.arguments(root)) do
    pool:apply_async(nested_tasks.work, args)
  end
  core.sleep(0.3 * random() ^ 2)
  return pool
end

function finish.terminate(root) begin(root):terminate() end

function finish.forget(root)
  begin(root)
  collectgarbage()
end

function finish.fail(root)
  local ok, err = pcall(function()
    local pool <close> = begin(root)
    error(tostring(pool) and "on purpose", 0)
  end)
  assert(not ok and err == "on purpose", err)
end

function finish.leave(root)
  local pool <close> = workerpool.WorkerPool(root.pool)
  local tasks = nested_tasks.arguments(root)
  table.insert(tasks, 1, { { value = 1 } })
  local seen = 0
  for _ in pool:imap_unordered(nested_tasks.work, tasks, root.opts) do
    seen = seen + 1
    if seen == root.leaves_at then break end
  end
end

watch.rounds(HANGS, plan_round, describe, function(round) finish[round.finish](round.root) end)
