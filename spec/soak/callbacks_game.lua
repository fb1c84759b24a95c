-- What the parts of the soak of callbacks (callbacks.lua) have in common: the state of a
-- round, its log, and the errors that our code raises in it.

local workerpool = require "workerpool"

-- plan: what was drawn; pool; tasks: those of the apply family that were taken; counts: how
-- often each task ran; kept: a loop that goes on later; ends: how often somebody has
-- terminated the pool; untold: errors of callbacks that have not come out yet; act: what
-- code of the caller's does (callbacks.lua).
local game = {
  MOST_TASKS = 4000,
  last_id = 0, acts = 0, depth = 0, maps = 0, terminating = 0, finalizers = 0, ends = 0,
  raised = 0, untold = 0, joins_that_raised = 0, tasks = {},
}

local log = {}

function game.note(...)
  log[#log + 1] = ("  "):rep(game.depth) .. string.format(...)
  if os.getenv("TRACE") then print(log[#log]) end
end

function game.fail(...)
  print(table.concat(log, "\n", math.max(1, #log - 60)))
  print(debug.traceback(string.format(...), 2))
  os.exit(1, false)
end

-- ---- errors --------------------------------------------------------------------------

-- What our code raises: one of these, once. Of those that end a call of the map
-- family the first comes out, of those that tasks bring each.
local Mine = { __name = "mine", __tostring = function(e) return "mine, raised in " .. e.where end }

function game.mine(where)
  game.raised = game.raised + 1
  game.note("raise %d in %s", game.raised, where)
  local is_of_task = where:find("%d$") ~= nil
  if is_of_task then game.untold = game.untold + 1 end
  return setmetatable({ where = where, number = game.raised, is_of_task = is_of_task }, Mine)
end

local function is_mine(err) return getmetatable(err) == Mine end

local function hear(err)
  if err.is_heard then game.fail("%s came out twice", tostring(err)) end
  err.is_heard = true
  if err.is_of_task then game.untold = game.untold - 1 end
end

--- Calls f; returns true and what it returns, false and an error object of the pool's, or false alone for an
--- error of ours. Nothing else may come out. Where a finalizer has ended the pool
--- between two lines of f, that is told so.
function game.try(what, f, ...)
  local before = game.plan.finalizer_ends
  local got = table.pack(pcall(f, ...))
  if got[1] then return table.unpack(got, 1, got.n) end
  local err = got[2]
  if workerpool.is_error(err) then
    local is_ended = err.kind == "cancelled" and game.plan.finalizer_ends > before
    return false, not is_ended and err or nil
  end
  if is_mine(err) then
    game.note("%s raised %d", what, err.number)
    hear(err)
  elseif game.finalizers > 0 and (tostring(err):find("a finalizer", 1, true)
    or tostring(err):find("a codec cannot write while", 1, true)) then
    return false
  elseif not ((game.maps > 0 or game.kept)
    and tostring(err):find("this pool is running", 1, true)) then
    game.fail("%s raised %s", what, tostring(err))
  end
  return false
end

--- A function of the caller's that acts, and raises what is to be raised.
function game.hook(where)
  return function()
    local err = game.act(where)
    if err then error(err, 0) end
  end
end

return game
