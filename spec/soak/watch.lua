-- What a tester at random has around each round: a watchdog that ends the program when
-- one hangs, and a look at what it has left behind. The round that was printed last is
-- the one.

package.loaded.busted = package.loaded.busted or { subscribe = function() end }

local helper = require "spec.support.helper"
local random_tasks = require "spec.soak.random_tasks"

local watch = {}

--- Lets `require "misdeeds"` work here and in workers.
function watch.allow_misdeeds()
  helper.c_module "misdeeds"
end

-- A program that kills this one when it has not been told anything for so long.
function watch.start(seconds)
  local dog = assert(io.popen(([[exec bash -c 'exec 2>/dev/null
    while read -t %d; do :; done
    [ $? -gt 128 ] && kill -ABRT %d']]):format(seconds, helper.pid()), "w"))
  dog:setvbuf("no")
  watch.dog = dog
end

local function others_of_the_group(before)
  local found = {}
  for pid, state in pairs(helper.process_group()) do
    if not before[pid] and state ~= "Z" then found[#found + 1] = "process " .. pid end
  end
  return found
end

-- Plays one round, and raises when something is left of it.
function watch.over(play, ...)
  watch.dog:write("\n")
  local before, group = helper.holdings(), helper.process_group()
  play(...)
  local left
  helper.eventually(function()
    left = others_of_the_group(group)
    return #left == 0
  end, 2)
  local held = helper.leaks(before)
  table.move(held, 1, #held, #left + 1, left)
  if #left > 0 then error("left behind: " .. table.concat(left, ", "), 0) end
end

--- Plays rounds as random_tasks does, each under the watchdog.
---@param seconds integer that no round takes
function watch.rounds(seconds, plan, describe, play)
  watch.start(seconds)
  local ok, err = xpcall(random_tasks.rounds, debug.traceback, plan, describe, function(planned)
    watch.over(play, planned)
  end)
  watch.dog:close()
  helper.clean()
  if not ok then
    io.stderr:write(err, "\n")
    os.exit(1)
  end
end

return watch
