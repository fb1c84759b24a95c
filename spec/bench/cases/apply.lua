-- One task at a time: a caller that waits for each answer.
local kit = ...

return {
  place = 30, name = "apply",
  title = "one `apply` on a warm pool, and its answer",
  unit = "round trip", most = 5000,
  targets = {
    { text = "at most 1.2 times a round trip by bare pipes",
      against = "bare pipe", at_least = 1 / 1.2 },
    { text = "at most 1.2 times a bare round trip that looks out as ours does",
      against = "bare round trip, as ours", at_least = 1 / 1.2 },
  },
  ours = {
    ["workerpool"] = function(n)
      local pool <close> = kit.warm_pool()
      return (kit.seconds(function()
        for i = 1, n do
          if pool:apply(kit.same, { i }) ~= i then error("wrong result") end
        end
      end))
    end,
  },
}
