-- Tasks that burn CPU time: one in a hundred takes a hundred times as long.
-- By their CPU time, so that the sum is the same whoever runs them, and half of
-- it is the least that two workers can take.
local kit = ...
local pair = require "pair"

local SHORT_MS, LONG_MS = 0.1, 10

local function burn(ms)
  local clock = os.clock
  local ends = clock() + ms / 1000
  while clock() < ends do end
end

-- Milliseconds of each task. The long ones all over (the same places always),
-- at the end, or at the beginning.
local function durations(n, order)
  local list, long = {}, n // 100
  for i = 1, n do list[i] = SHORT_MS end
  for i = 1, long do
    local at = order == "rising" and n + 1 - i or order == "falling" and i or (i * 7919) % n + 1
    list[at] = LONG_MS
  end
  return list
end

local function tasks(n, values)
  if values.order then return durations(n, values.order) end
  local list = {}
  for i = 1, n do list[i] = 1 end
  return list
end

-- 1 is perfect: half of the work's CPU time.
local function efficiency(list, seconds)
  local sum = 0
  for _, ms in ipairs(list) do sum = sum + ms / 1000 end
  return { efficiency = sum / 2 / seconds }
end

return {
  place = 70, name = "uneven",
  title = "CPU-bound tasks on 2 workers", unit = "run", fixed = true, rounds = 5,
  extras = { { key = "efficiency", text = "of the ideal" } },
  rows = {
    { label = "one in 100 takes 100 times as long", values = { tasks = 2000, order = "mixed" } },
    { label = "the same, long ones last", values = { tasks = 2000, order = "rising" } },
    { label = "the same, long ones first", values = { tasks = 2000, order = "falling" } },
    { label = "all of 1 ms", values = { tasks = 600 } },
  },
  targets = {
    { text = "within 5 % of the ideal", against = "two bare processes", at_least = 0.95,
      rows = { "one in 100 takes 100 times as long", "the same, long ones last", "the same, long ones first" } },
    { text = "97 % efficiency", against = "two bare processes", at_least = 0.97, rows = { "all of 1 ms" } },
  },
  tiny = { tasks = 20 },
  ours = {
    ["workerpool"] = function(_, values)
      local list = tasks(values.tasks, values)
      local pool <close> = kit.warm_pool()
      local seconds, results = kit.seconds(function() return pool:map(burn, list) end)
      assert(results.n == #list)
      return seconds, efficiency(list, seconds)
    end,
  },
  plain = {
    ["two bare processes"] = function(_, values)
      local list = tasks(values.tasks, values)
      local seconds = pair.seconds(kit.now, list)
      return seconds, efficiency(list, seconds)
    end,
  },
}
