-- What a trivial task costs in maps of 10 to 10 million, on kept workers.
local kit = ...

local rows = {}
for power = 1, 7 do
  local tasks = math.tointeger(10 ^ power)
  rows[power] = { label = ("%d tasks"):format(tasks), most = math.max(1, 1000000 // tasks),
    values = { tasks = tasks }, without = power == 7 and { "multiprocessing.Pool" } or nil }
end

return {
  place = 80, name = "growth_tasks", rounds = 3,
  title = "a map, by the number of its tasks", unit = "map",
  plot = { key = "tasks", axis = "tasks in a map", per = "task" },
  only = { "multiprocessing.Pool" },
  tiny = { tasks = 100 },
  rows = rows,
  ours = {
    ["workerpool"] = function(n, values)
      local pool <close> = kit.warm_pool()
      return (kit.seconds(function()
        for _ = 1, n do
          local results = pool:map(kit.same, kit.range(values.tasks))
          if results[values.tasks] ~= values.tasks then error("wrong results") end
        end
      end))
    end,
  },
}
