-- The allocator of the heap beside Lua's own, for programs that share nothing.
--
--   lua5.4 spec/bench/heap.lua
--
-- Each in processes of its own, by turns; best of all rounds.

-- What is made is not used: that is the point.
-- luacheck: push ignore 2 3
local cases = {
  { "3 million small tables, dropped", function()
    for i = 1, 3000000 do local _ = { i, x = i } end
  end },
  { "a million records, kept", function()
    local all = {}
    for i = 1, 1000000 do all[i] = { id = i, name = "n" .. i, value = i * 0.5 } end
  end },
  { "2 million strings", function()
    for i = 1, 2000000 do local _ = "abc" .. i end
  end },
  { "3 million closures", function()
    local f
    for i = 1, 3000000 do f = function() return i end end
  end },
  { "100,000 tables that grow", function()
    for _ = 1, 100000 do
      local t = {}
      for j = 1, 30 do t[j] = j end
    end
  end },
  { "300,000 strings of all lengths", function()
    local t = {}
    for i = 1, 300000 do t[i] = ("x"):rep(i % 200) end
    return table.concat(t)
  end },
}
-- luacheck: pop

if arg[1] == "measure" then
  require "workerpool"
  for _, case in ipairs(cases) do
    local best = math.huge
    for _ = 1, 3 do
      collectgarbage()
      local began = os.clock()
      case[2]()
      best = math.min(best, os.clock() - began)
    end
    print(best)
  end
  return
end

local best = { stock = {}, ours = {} }
for _ = 1, 5 do
  for name, list in pairs(best) do
    local pipe <close> = io.popen(("WORKERPOOL_HEAP=%s lua5.4 %s measure"):format(name, arg[0]))
    for i = 1, #cases do list[i] = math.min(list[i] or math.huge, pipe:read("n")) end
  end
end
for i, case in ipairs(cases) do
  local stock, ours = best.stock[i], best.ours[i]
  print(("%-34s stock %6.3f s, ours %6.3f s, ratio %.2f"):format(case[1], stock, ours, ours / stock))
end
