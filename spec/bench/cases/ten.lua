-- A small map on workers that are there: what a call costs.
local kit = ...

return {
  place = 61, name = "ten",
  title = "a map of 10 trivial tasks on kept workers", unit = "map", most = 2000,
  targets = {
    { text = "below 0.3 ms where multiprocessing.Pool takes 0.67", against = "multiprocessing.Pool",
      at_least = 0.67 / 0.3 },
    { text = "and MPIRE 3.5", against = "MPIRE", at_least = 3.5 / 0.3 },
  },
  ours = {
    ["workerpool"] = function(n)
      local pool <close> = kit.warm_pool()
      return (kit.seconds(function()
        for _ = 1, n do
          local results = pool:map(kit.same, kit.range(10))
          assert(results[10] == 10)
        end
      end))
    end,
  },
}
