-- What a trivial task costs with 1 to 256 workers, most of which are too many.
local kit = ...

local rows = {}
for power = 0, 8 do
  local name = power == 0 and "1 worker" or ("%d workers"):format(1 << power)
  rows[power + 1] = { label = name, values = { workers = 1 << power } }
end

return {
  place = 81, name = "growth_workers", rounds = 3, most = 100000, fixed = true,
  title = "a trivial task, by the number of workers", unit = "task",
  plot = { key = "workers", axis = "workers" },
  only = { "multiprocessing.Pool" },
  tiny = { workers = 3 }, tiny_most = 100,
  rows = rows,
  ours = {
    ["workerpool"] = function(n, values)
      local pool <close> = kit.warm_pool { n_jobs = values.workers }
      local seconds, results = kit.seconds(function() return pool:map(kit.same, kit.range(n)) end)
      assert(results.n == n and results[n] == n, "wrong results")
      return seconds
    end,
  },
}
