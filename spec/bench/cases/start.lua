-- A pool that lives for two tasks: start, work, stop.
local kit = ...

return {
  place = 60, name = "start",
  title = "start of a pool, a task for each worker, stop", unit = "pool", most = 50,
  targets = {
    { text = "10 times as fast as multiprocessing.Pool", rows = { "2 workers" },
      against = "multiprocessing.Pool", at_least = 10 },
  },
  rows = {
    { label = "2 workers", values = { workers = 2 } },
    -- joblib takes half a minute for 64 workers on 2 cores.
    { label = "64 workers", most = 3, values = { workers = 64 }, without = { "joblib" } },
  },
  ours = {
    ["workerpool"] = function(n, values)
      local workers = values.workers
      return (kit.seconds(function()
        for _ = 1, n do
          local pool <close> = kit.WorkerPool { n_jobs = workers }
          local results = pool:map(kit.same, kit.range(workers), { chunk_size = 1 })
          assert(results.n == workers)
        end
      end))
    end,
  },
}
