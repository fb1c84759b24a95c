-- Start and stop of a pool, by the number of its workers: linear is the aim.
local kit = ...

local rows = {}
for power = 0, 8 do
  local name = power == 0 and "1 worker" or ("%d workers"):format(1 << power)
  rows[power + 1] = { label = name, most = math.max(1, 64 >> power),
    values = { workers = 1 << power } }
end

return {
  place = 82, name = "growth_start", rounds = 3,
  title = "start, a task for each worker, stop, by the number of workers", unit = "pool",
  plot = { key = "workers", axis = "workers", per = "worker" },
  only = { "multiprocessing.Pool", "bare fork" },
  tiny = { workers = 3 },
  rows = rows,
  ours = {
    ["workerpool"] = function(n, values)
      return (kit.seconds(function()
        for _ = 1, n do
          local pool <close> = kit.WorkerPool { n_jobs = values.workers }
          pool:map(kit.same, kit.range(values.workers), { chunk_size = 1 })
        end
      end))
    end,
  },
}
