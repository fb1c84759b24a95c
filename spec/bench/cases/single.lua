-- Trivial tasks, each in a message of its own: what a message costs.
local kit = ...

return {
  place = 20, name = "single",
  title = "a trivial task in a message of its own (`chunk_size = 1`)",
  unit = "task", most = 200000,
  targets = {
    { text = "5 times the throughput of multiprocessing.Pool", against = "multiprocessing.Pool", at_least = 5 },
  },
  ours = {
    ["workerpool"] = function(n)
      local pool <close> = kit.warm_pool()
      local seconds, results = kit.seconds(function()
        return pool:map(kit.same, kit.range(n), { chunk_size = 1 })
      end)
      assert(results.n == n and results[n] == n, "wrong results")
      return seconds
    end,
  },
}
