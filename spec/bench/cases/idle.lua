-- CPU time that all processes of a pool use while nothing is to be done: the
-- caller is elsewhere, or waits for a task that sleeps.
local kit = ...

local function nothing_more_than(seconds)
  return function(row)
    local median = row.contenders[1] and row.contenders[1].median
    return median and seconds / median
  end
end

local function cpu_of(pids)
  local sum = 0
  for _, pid in ipairs(pids) do sum = sum + kit.meter.cpu(pid) end
  return sum
end

return {
  place = 90, name = "idle", rounds = 3, most = 1, fixed = true,
  title = "CPU time used by a pool that waits", unit = "second",
  extras = {
    { key = "host", text = "us of the host", scale = 1e6, format = "%.0f" },
    { key = "workers", text = "of the workers", scale = 1e6, format = "%.0f" },
  },
  targets = {
    { text = "no CPU time but that of going to sleep: below 1 ms", of = nothing_more_than(0.001), at_least = 1 },
  },
  tiny = { ms = 10 },
  rows = {
    { label = "nothing to do", values = { ms = 1000, waits = 0 } },
    { label = "the caller waits for a task that sleeps", values = { ms = 1000, waits = 1 },
      -- A thread of Node that sleeps is a promise, and none at all.
      without = { "piscina", "npm workerpool" } },
  },
  ours = {
    ["workerpool"] = function(n, values)
      local pool <close> = kit.warm_pool()
      local pids = kit.meter.children()
      local seconds = values.ms / 1000 * n
      local host, workers = kit.meter.cpu(), cpu_of(pids)
      if values.waits == 1 then
        pool:apply(kit.core.sleep, { seconds })
      else
        kit.core.sleep(seconds)
      end
      host, workers = kit.meter.cpu() - host, cpu_of(pids) - workers
      return host + workers, { host = host, workers = workers }
    end,
  },
}
