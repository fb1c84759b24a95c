-- A million trivial tasks in chunks that size themselves: what a pool itself
-- costs, all processes together.
local kit = ...

local function last_is(results, n)
  assert(results.n == n and results[n] == n and results[1] == 1, "wrong results")
end

return {
  place = 10, name = "adaptive",
  title = "a trivial task of a million, chunks as the pool makes them",
  unit = "task", most = 1000000, weight = 2,
  targets = {
    { text = "twice the throughput of multiprocessing.Pool", against = "multiprocessing.Pool", at_least = 2 },
    { text = "50 times MPIRE's", against = "MPIRE", at_least = 50 },
  },
  ours = {
    ["workerpool"] = function(n)
      local pool <close> = kit.warm_pool()
      local seconds, results = kit.seconds(function() return pool:map(kit.same, kit.range(n)) end)
      last_is(results, n)
      return seconds
    end,
  },
  plain = {
    ["a plain Lua loop"] = function(n)
      local same = kit.same
      local seconds, results = kit.seconds(function()
        local list = { n = n }
        for i = 1, n do list[i] = same(i) end
        return list
      end)
      last_is(results, n)
      return seconds
    end,
  },
}
