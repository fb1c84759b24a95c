-- A soak: tasks that kill their worker, leave by os.exit, raise, loop for ever,
-- return a lot, or behave. With retries every result must be there, right
-- and once; with on_error = "collect" each failure must be in its place.
--
--   lua5.4 spec/soak/chaos.lua [seed [tasks [start_method]]]

local workerpool = require "workerpool"
local core = require "workerpool.core"

local seed = tonumber(arg[1]) or os.time()
local n_tasks = tonumber(arg[2]) or 100000
local method = arg[3] or "fork"

math.randomseed(seed)
print(("seed %d, %d tasks, %s"):format(seed, n_tasks, method))

local dir = os.tmpname()
os.remove(dir)

local function fresh_dir()
  os.execute(("rm -rf '%s' && mkdir '%s'"):format(dir, dir))
end

local BEHAVE, KILL, EXIT, RAISE, LOOP, LARGE, SLOW = 0, 1, 2, 3, 4, 5, 6

-- In parts of a thousand, the rest behaves.
local function draw()
  local r = math.random(1000)
  return r <= 2 and KILL or r <= 4 and EXIT or r <= 15 and RAISE or r == 16 and LOOP
    or r <= 20 and LARGE or r <= 40 and SLOW or BEHAVE
end

local function is_harmful(mode)
  return mode >= KILL and mode <= LOOP
end

local function act(x, mode)
  if mode == KILL then
    os.execute("kill -KILL " .. core.getpid())
    core.sleep(10)
  elseif mode == EXIT then
    os.exit(x % 5)
  elseif mode == RAISE then
    error("raised by " .. x, 0)
  elseif mode == LOOP then
    while true do end
  elseif mode == LARGE then
    return x, ("y"):rep(300000)
  elseif mode == SLOW then
    core.sleep(0.002)
  end
  return x
end

-- Does harm the first time only.
local function once(x, mode)
  if is_harmful(mode) then
    local path = dir .. "/" .. x
    local mark = io.open(path)
    if mark then
      mark:close()
      mode = BEHAVE
    else
      io.open(path, "w"):close()
    end
  end
  return act(x, mode)
end

local tasks = {}
for i = 1, n_tasks do tasks[i] = { i, draw() } end

local function check(i, value)
  if value ~= i then
    error(("task %d gave %s"):format(i, tostring(value)), 0)
  end
end

local LIMITS = { retries = 2, task_timeout = 0.5 }
local function with_limits(more)
  for key, value in pairs(LIMITS) do more[key] = more[key] or value end
  return more
end

local function soak_map(pool)
  local list = pool:map(once, tasks, with_limits {
    worker_lifespan = math.random(2) == 1 and 500 or nil })
  for i = 1, n_tasks do check(i, list[i]) end
end

local function soak_unordered(pool)
  local seen, count = {}, 0
  for i, value in pool:imap_unordered(once, tasks, with_limits {}) do
    check(i, value)
    if seen[i] then error(("task %d came twice"):format(i), 0) end
    seen[i], count = true, count + 1
  end
  if count ~= n_tasks then error(("%d of %d results"):format(count, n_tasks), 0) end
end

local function soak_collect(pool)
  local failures = 0
  for i, value in pool:imap(act, tasks, { on_error = "collect", task_timeout = 0.5 }) do
    if is_harmful(tasks[i][2]) then
      failures = failures + 1
      if not workerpool.is_error(value) then check(i, value) end
      check(i, value.task_index)
    else
      check(i, value)
    end
  end
  print(("%d failures, each in its place"):format(failures))
end

for name, soak in pairs { map = soak_map, imap_unordered = soak_unordered, collect = soak_collect } do
  local pool <close> = workerpool.WorkerPool {
    n_jobs = math.random(1, 4), start_method = method, keep_alive = math.random(2) == 1,
  }
  local began = core.now()
  fresh_dir()
  soak(pool)
  print(("%s: %d results right, %.1f s"):format(name, n_tasks, core.now() - began))
end
os.execute(("rm -rf '%s'"):format(dir))
print("clean")
