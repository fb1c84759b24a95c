-- A finalizer at each place where Lua may call one. The collector works here in one
-- go, as soon as so many bytes have been taken: with one more table each time, every
-- line that makes something is met.

local core = require "workerpool.core"

local finalizer = {}

local KB = 1024
local TABLE = 56 -- bytes

--- Before a test; `restore` comes after it.
function finalizer.prepare() collectgarbage("incremental", 1000, 400, 100) end
function finalizer.restore() collectgarbage("incremental", 200, 100, 13) end

--- Calls f, and act in a finalizer when so many bytes have been taken.
---@param bytes integer
---@param act function
---@param f function
---@return boolean did it come to that?
function finalizer.call_with(bytes, act, f)
  local has_acted, host = false, core.getpid()
  local class = {}
  function class.__gc()
    if core.getpid() ~= host then return end
    has_acted = true
    act()
  end
  collectgarbage()
  setmetatable({}, class)
  collectgarbage("restart") -- from here on nothing is owed,
  collectgarbage("step", -(bytes // KB + 1)) -- and so much more may be taken
  local _ = ("x"):rep(KB - bytes % KB)
  f()
  return has_acted
end

--- Raises, with the place, unless that is what it should be there.
---@param bytes integer as in call_with
---@param got any
---@param wanted any
function finalizer.check(bytes, got, wanted)
  if got == wanted then return end
  error(("behind %d bytes: %s, wanted %s"):format(bytes, tostring(got), tostring(wanted)), 0)
end

--- Plays at each of the places, or each so many, until there is none so late.
---@param every integer
---@param play fun(bytes: integer, place: integer): boolean as call_with has returned
function finalizer.everywhere(every, play)
  local place = 0
  while play(place * every * TABLE, place) do place = place + 1 end
  if place < 5 then error("there are only " .. place .. " places", 2) end
end

return finalizer
