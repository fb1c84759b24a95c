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
local deeds = require "spec.soak.callbacks_deeds"
local game = require "spec.soak.callbacks_game"
local lfs = require "lfs"
local maps = require "spec.soak.callbacks_maps"
local random_tasks = require "spec.soak.random_tasks"
local tasks = require "spec.soak.callbacks_tasks"
local workerpool = require "workerpool"

local chance, random = random_tasks.chance, math.random

local LIMIT = 40 -- seconds of a round
local MOST_ACTS, DEEPEST = 40, 4

for name, deed in pairs(maps) do deeds[name] = deed end

-- ---- drawing -----------------------------------------------------------------------------

local WEIGHTS = {
  { "apply_async", 30 }, { "apply", 8 }, { "get", 12 }, { "get_soon", 5 }, { "wait", 5 },
  { "cancel", 6 }, { "wait_any", 3 }, { "poll", 8 }, { "terminate", 5 }, { "join", 5 },
  { "set", 5 }, { "begin_loop", 3 }, { "go_on", 8 }, { "other_pool", 1 }, { "map", 8 },
  { "forget", 2 }, { "raise", 6 }, { "litter", 6 },
}
local TOTAL = 0
for _, entry in ipairs(WEIGHTS) do TOTAL = TOTAL + entry[2] end

-- Finalizers wait for nothing: the manual says why (spec/regress/122 has those that do).
local OF_FINALIZERS = { "apply_async", "apply_async", "apply_async", "set", "terminate", "litter",
  "raise" }

local function drawn()
  if game.finalizers > 0 then return OF_FINALIZERS[random(#OF_FINALIZERS)] end
  local x = random(TOTAL)
  for _, entry in ipairs(WEIGHTS) do
    x = x - entry[2]
    if x <= 0 then return entry[1] end
  end
end

-- Returns what is to be raised, if anything is.
function game.act(where)
  if game.acts >= MOST_ACTS or game.depth >= DEEPEST or chance(game.plan.calm) then return nil end
  game.acts = game.acts + 1
  local what = drawn()
  if what == "raise" then return game.mine(where) end
  game.note("%s:", where)
  game.depth = game.depth + 1
  local is_end = what == "terminate" or what == "join"
  if is_end then
    game.plan.endings = game.plan.endings + 1
    if game.finalizers > 0 then game.plan.finalizer_ends = game.plan.finalizer_ends + 1 end
  end
  deeds[what]()
  if is_end then game.plan.endings = game.plan.endings + 1 end -- also of what began meanwhile
  game.depth = game.depth - 1
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
  for _, task in ipairs(game.tasks) do
    if not task.result:ready() then game.fail("task %d never ended", task.id) end
    if task.told ~= 1 then game.fail("task %d told %d times", task.id, task.told) end
    tasks.get(task)
  end
  local pool = game.pool
  if not is_terminated and not game.try("poll", pool.poll, pool) then
    game.fail("something was left to tell")
  end
  while not game.try("poll", pool.poll, pool) do end
  if game.joins_that_raised == 0 and game.untold > 0 then
    game.fail("%d errors never came out", game.untold)
  end
end

local function check_use()
  local pool = game.pool
  pool:pass_on_worker_id(false)
  pool:set_use_worker_state(false)
  pool:set_shared_objects(nil)
  local list = pool:map(math.abs, { -1, -2 })
  if list[1] ~= 1 or list[2] ~= 2 or pool:apply(math.abs, { -3 }) ~= 3 then
    game.fail("it cannot be used")
  end
  pool:terminate()
end

local function end_pool()
  game.acts = MOST_ACTS
  if game.plan.ending == "terminate" then return deeds.terminate() end
  deeds.join()
end

local function play()
  game.counts, game.tasks = workerpool.Array("i", game.MOST_TASKS * 2), {}
  local open = descriptors()
  game.pool = workerpool.WorkerPool(game.plan.pool)
  if chance(0.5) then collectgarbage("incremental", 10, 1000) end
  while game.acts < MOST_ACTS do
    game.act("program") -- nobody is there who could be told what it raises
  end
  end_pool()
  check_all(game.plan.ending == "terminate")
  check_use()
  collectgarbage()
  if children() ~= "" then game.fail("left: %s", children()) end
  if descriptors() ~= open then game.fail("%d descriptors, were %d", descriptors(), open) end
end

local function draw()
  local n_jobs = random(0, 3)
  local captures = chance(0.5)
  game.plan = {
    n_jobs = n_jobs, prints = captures and n_jobs > 0, calm = ({ 0.2, 0.5, 0.8 })[random(3)],
    ending = chance(0.3) and "terminate" or "join", endings = 0, finalizer_ends = 0,
    pool = { n_jobs = n_jobs, keep_alive = chance(0.5), order_tasks = chance(0.3),
      output = captures and "capture" or nil, enable_insights = chance(0.1) },
  }
end

local function describe()
  local plan = game.plan
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
