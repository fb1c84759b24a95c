-- What code of the caller's does in the soak of callbacks (callbacks.lua), continued: calls of
-- the map family, and loops that go on later, or that nobody has any more.

local game = require "spec.soak.callbacks_game"
local random_tasks = require "spec.soak.random_tasks"
local tasks = require "spec.soak.callbacks_tasks"
local workerpool = require "workerpool"

local chance, random = random_tasks.chance, math.random

local deeds = {}

local LOOP = 20 -- tasks of a loop that goes on later
local METHODS = { "map", "map_unordered", "imap", "imap_unordered" }

local function drawn_tasks()
  local list = {}
  for i = 1, random(0, 30) do list[i] = tasks.new_task(0) end
  return list
end

-- The arguments, by an iterator now and then.
local function form_of(list)
  local args = {}
  for i, task in ipairs(list) do args[i] = tasks.arguments_of(task) end
  if chance(0.5) then return args end
  local i = 0
  return function()
    i = i + 1
    if chance(0.2) then game.hook("iterator")() end
    return args[i]
  end
end

local function on_error(err)
  game.hook("on_error")()
  local was_sent = not err.message:find("cannot send args", 1, true)
  if was_sent and err.attempt < 3 and chance(0.3) then return "retry" end
  return "skip", err
end

local function delay()
  game.hook("retry_delay")()
  return 0.001
end

local function map_options()
  local opts = { retries = random(0, 2), on_error = chance(0.5) and "collect" or on_error }
  if chance(0.5) then opts.chunk_size = random(8) end
  if chance(0.3) then opts.retry_delay = delay end
  if chance(0.3) then opts.on_message = game.hook("on_message") end
  if game.plan.prints and chance(0.4) then opts.on_output = game.hook("on_output") end
  if chance(0.3) then
    opts.progress_bar, opts.progress_bar_options = game.hook("progress"), { mininterval = 0 }
  end
  if chance(0.1) then opts.trace = "/dev/null" end
  return opts
end

local function collect(method, list, opts)
  if not method:find("^i") then
    local values = game.pool[method](game.pool, tasks.work, form_of(list), opts)
    return values.n, values
  end
  local n, values = 0, {}
  for i, value in game.pool[method](game.pool, tasks.work, form_of(list), opts) do
    if values[i] ~= nil then game.fail("task %d came twice", i) end
    n, values[i] = n + 1, value
    if chance(0.2) then game.hook("body")() end
    if chance(0.02) then return -1, values end
  end
  return n, values
end

local function check_values(method, list, opts, n, values)
  if n < 0 then return end
  if n ~= #list then game.fail("%s: %d results of %d", method, n, #list) end
  if method == "map_unordered" then return end
  for i, task in ipairs(list) do
    local value = values[i]
    local is_error = workerpool.is_error(value)
    local _, fate = random_tasks.fate_of(task.name, opts.retries)
    -- on_error may have it tried again beyond its retries.
    local is_cured = not is_error and opts.on_error ~= "collect"
    if is_error and value.kind ~= fate or not is_error and (fate and not is_cured
      or not tasks.is_right(task, value)) then
      game.fail("%s: task %d, %s, gave %s", method, i, task.name, tostring(value))
    end
  end
end

function deeds.map()
  if game.last_id > game.MOST_TASKS then return end
  local method, list, opts = METHODS[random(#METHODS)], drawn_tasks(), map_options()
  game.note("%s of %d", method, #list)
  local ends_before = game.plan.endings
  game.maps = game.maps + 1
  local ok, n, values = game.try(method, collect, method, list, opts)
  game.maps = game.maps - 1
  game.note("%s is over: %s", method, tostring(n))
  if ok then return check_values(method, list, opts, n, values) end
  local was_ended = n and n.kind == "cancelled" and game.plan.endings > ends_before
  if n and not tasks.is_refused(n) and not was_ended then
    game.fail("%s raised %s, %d endings", method, tostring(n), game.plan.endings - ends_before)
  end
end

-- ---- loops --------------------------------------------------------------------------

-- A loop that nobody has any more: its finalizer ends the call.
function deeds.forget()
  game.note("forget")
  local ok, step = game.try("imap", game.pool.imap, game.pool, tostring, workerpool.range(100))
  game.maps = game.maps + 1
  if ok then game.try("step", step) end
  game.maps = game.maps - 1
end

-- A loop that goes on later, from anywhere, unless somebody has ended the pool.
function deeds.begin_loop()
  if game.kept then return end
  game.note("begin a loop")
  local ok, step = game.try("imap", game.pool.imap, game.pool, random_tasks.same,
    workerpool.range(LOOP), { chunk_size = 2 })
  if ok then game.kept = { step = step, n = 0 } end
end

local function check_step(loop, endings, ok, i, value)
  game.note("step: %s", tostring(i))
  if not ok then
    game.kept = nil
    local was_ended = i and i.kind == "cancelled" and game.plan.endings > endings
    if i and not tasks.is_refused(i) and not was_ended then
      game.fail("a loop was raised %s", tostring(i))
    end
  elseif i == nil then
    game.kept = nil
    if loop.n < LOOP and game.plan.endings == endings then game.fail("a loop ended at %d", loop.n) end
  elseif value ~= i then
    game.fail("a loop gave %s for %d", tostring(value), i)
  end
end

function deeds.go_on()
  local loop = game.kept
  if not loop or loop.is_busy then return deeds.begin_loop() end
  loop.endings, loop.is_busy = loop.endings or game.plan.endings, true
  game.note("go on")
  game.maps = game.maps + 1
  local ok, i, value = game.try("step", loop.step)
  game.maps = game.maps - 1
  loop.is_busy = false
  if ok and i then
    loop.n = loop.n + 1
    if i ~= loop.n then game.fail("a loop gave %d, wanted %d", i, loop.n) end
  end
  check_step(loop, loop.endings, ok, i, value)
end

return deeds
