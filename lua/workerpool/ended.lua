-- What a crew has in place of its engine when it has been closed. Code of the
-- caller's (a callback, a listener, an iterator, a finalizer) may end the pool in
-- the middle of something, which then goes on: nobody is there any more, and who
-- wants more than that is told that the pool has ended.

local errors = require "workerpool.errors"

local function nothing() end
local function none() return 0 end

local Ended = {
  alive = none, pending = none, completed = none, noted = none,
  running = function() return false end,
  is_reading = function() return false, false end,
  abandon = function() return {} end,
  next = function() return "timeout" end,
  more = function() return "timeout" end,
}
for _, name in ipairs { "kill", "measure", "release", "retire", "set_output", "settle", "stop",
  "take" } do
  Ended[name] = nothing
end

local function refuse()
  error(errors.terminated(), 0)
end

return setmetatable(Ended, { __index = function() return refuse end })
