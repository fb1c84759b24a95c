-- A string there and back, from one byte to a hundred million.
local kit = ...

local NAMES = { "1 B", "10 B", "100 B", "1 KB", "10 KB", "100 KB", "1 MB", "10 MB", "100 MB" }
local rows = {}
for i, name in ipairs(NAMES) do
  local size = math.tointeger(10 ^ (i - 1))
  rows[i] = { label = name, most = math.max(1, math.min(2000, 100000000 // size)), values = { size = size } }
end

return {
  place = 83, name = "growth_payload", rounds = 3, weight = 0.5,
  title = "a string there and back, by its length", unit = "round trip",
  plot = { key = "size", axis = "bytes", per = "byte" },
  only = { "multiprocessing.Pool", "bare pipe", "bare shared memory", "memcpy" },
  tiny = { size = 1000 },
  rows = rows,
  ours = {
    ["workerpool"] = function(n, values)
      local pool <close> = kit.warm_pool { n_jobs = 1 }
      local payload = ("x"):rep(values.size)
      pool:apply(kit.same, { payload })
      return (kit.seconds(function()
        for _ = 1, n do
          if #pool:apply(kit.same, { payload }) ~= values.size then error("wrong result") end
        end
      end))
    end,
  },
}
