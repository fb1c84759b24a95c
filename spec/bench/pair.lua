-- Two processes without a pool: each is told to begin and says when it has
-- done its list of milliseconds of CPU time. What a pool of two can be measured
-- by: the same work, cut in halves by somebody who knew it all before.

local pair = {}

local CHILD = [[
local clock = os.clock
for line in io.lines() do
  for ms in line:gmatch("%S+") do
    local ends = clock() + ms / 1000
    while clock() < ends do end
  end
  print "done"
  io.stdout:flush()
end]]

-- Longest first, each to the side that has less.
local function halves(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted, function(a, b) return a > b end)
  local sides, sums = { {}, {} }, { 0, 0 }
  for _, ms in ipairs(sorted) do
    local i = sums[1] <= sums[2] and 1 or 2
    table.insert(sides[i], ms)
    sums[i] = sums[i] + ms
  end
  return sides
end

-- Seconds from the word to begin until both are done.
function pair.seconds(now, list)
  local sides = halves(list)
  local there, back = {}, {}
  for i = 1, 2 do
    local path = os.tmpname()
    os.remove(path)
    assert(os.execute("mkfifo " .. path))
    there[i] = io.popen(("exec %s -e '%s' >%s"):format(os.getenv("LUA") or "lua5.4", CHILD, path), "w")
    back[i] = io.open(path)
    os.remove(path)
    there[i]:write("0\n")
    there[i]:flush()
    back[i]:read("l")
    sides[i] = table.concat(sides[i], " ") .. "\n"
  end
  local began = now()
  for i = 1, 2 do there[i]:write(sides[i]) there[i]:flush() end
  for i = 1, 2 do back[i]:read("l") end
  local seconds = now() - began
  for i = 1, 2 do there[i]:close() back[i]:close() end
  return seconds
end

return pair
