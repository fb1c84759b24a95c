-- What the soaks have in common that draw their tasks at random: the tasks, what
-- becomes of each, and rounds that a seed repeats.

local core = require "workerpool.core"

local BIG = ("x"):rep(100000)

local random_tasks = { BIG = BIG }

function random_tasks.same(...) return select(-1, ...) end
function random_tasks.chance(p) return math.random() < p end

-- run: what a task does, at which attempt. kind: of the error that it ends with;
-- is_cured: but not when it is tried again. is_dear: it costs a worker, or time.
local TASKS = {
  fine = { run = function(i) return i end },
  none = { run = function() end },
  three = { run = function(i) return i, 2 * i, 3 * i end },
  big = { run = function(i) return BIG .. i end },
  slow = { run = function(i) core.sleep(0.02) return i end, is_dear = true },
  raise = { run = function(i) error("bad " .. i, 0) end, kind = "error" },
  raise_table = { run = function(i) error { code = i } end, kind = "error" },
  crash = { run = function() os.exit(7) end, kind = "crash", is_dear = true },
  loop = { run = function() while true do end end, kind = "timeout", is_dear = true },
  unsendable = { run = function(i) return i end, kind = "encode" },
  unsendable_result = { run = function() return io.stdout end, kind = "encode" },
  raise_once = { kind = "error", is_cured = true,
    run = function(i, attempt) return attempt > 1 and i or error("once", 0) end },
  crash_once = { kind = "crash", is_cured = true, is_dear = true,
    run = function(i, attempt) return attempt > 1 and i or os.exit(8) end },
}

--- Does task i, and counts its attempt.
function random_tasks.work(counts, i, name)
  return TASKS[name].run(i, counts:add(i, 1))
end

--- The arguments of task i for the function above.
function random_tasks.arguments(counts, i, name)
  return { counts, i, name == "unsendable" and io.stdout or name }
end

--- How often a task runs, and the kind of the error that it ends with, or nil.
function random_tasks.fate_of(name, retries)
  local task = TASKS[name]
  if name == "unsendable" then return 0, task.kind end
  if task.is_cured and retries > 0 then return 2, nil end
  if task.is_cured or not task.kind then return 1, task.kind end
  return retries + 1, task.kind
end

local MOST_DEAR = 15

--- A list of n of the names.
---@param may_be_dear boolean else those are fine
function random_tasks.draw(names, n, may_be_dear)
  local drawn, dear = {}, 0
  for i = 1, n do
    local name = names[math.random(#names)]
    if TASKS[name].is_dear then
      dear = dear + 1
      if not may_be_dear or dear > MOST_DEAR then name = "fine" end
    end
    drawn[i] = name
  end
  return drawn
end

--- Plays as many rounds as the command line says, from the seed that it gives. Each
--- is printed before it begins, so that of one that hangs all is known.
---@param plan fun(): table
---@param describe fun(plan: table): string
---@param play fun(plan: table)
function random_tasks.rounds(plan, describe, play)
  local seed, rounds = tonumber(arg[1]) or os.time(), tonumber(arg[2]) or 100
  math.randomseed(seed)
  io.stdout:setvbuf("line")
  print(("seed %d, %d rounds"):format(seed, rounds))
  for round = 1, rounds do
    local planned = plan()
    print(round, describe(planned))
    play(planned)
  end
  print("clean")
end

return random_tasks
