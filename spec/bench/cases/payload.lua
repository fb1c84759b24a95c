-- Bytes there and back. What is told besides, of large ones: the most memory that
-- each side had over what it had before, in payloads. Pages shared with the other
-- side count on both; the caller's own payload is there before.
local kit = ...
local meter = kit.meter

local function pid() return kit.meter.pid() end

local BEST_BARE = { "bare pipe", "bare socket", "bare shared memory" }

local function round_trips(pool, n, payload)
  for _ = 1, n do
    if #pool:apply(kit.same, { payload }) ~= #payload then error("wrong result") end
  end
end

-- The first round trips make the worker's and our room, as bare memory is there.
local function measured(n, values)
  local pool <close> = kit.warm_pool { n_jobs = 1 }
  local payload, worker = ("x"):rep(values.size), pool:apply(pid)
  local host_had, worker_had = meter.resident(), meter.resident(worker)
  meter.forget_peak()
  meter.forget_peak(worker)
  round_trips(pool, 2, payload)
  local seconds = kit.seconds(round_trips, pool, n, payload)
  return seconds, values.size >= 100 << 20 and {
    host = (meter.peak() - host_had) / values.size,
    worker = (meter.peak(worker) - worker_had) / values.size,
  } or nil
end

-- How often the larger of the peaks goes into two payloads.
local function peak_margin(row)
  local extras = row.contenders[1] and row.contenders[1].extras or {}
  if extras.host then return 2 / math.max(extras.host, extras.worker) end
end

return {
  place = 40, name = "payload",
  title = "a string there and back", unit = "round trip",
  extras = {
    { key = "host", text = "peak of the host, payloads" },
    { key = "worker", text = "of the worker" },
  },
  targets = {
    { text = "60 % of the best bare transport", against = BEST_BARE, at_least = 0.6 },
    { text = "60 % of shared memory into new pages, as new strings need",
      against = "bare shared memory, new pages", at_least = 0.6 },
    { text = "memory's peak below two payloads a side", of = peak_margin, at_least = 1, rows = { "100 MB" } },
  },
  rows = {
    { label = "64 KB", most = 2000, values = { size = 1 << 16 } },
    { label = "1 MB", most = 200, values = { size = 1 << 20 } },
    { label = "100 MB", most = 1, fixed = true, values = { size = 100 << 20 } },
  },
  tiny = { size = 10000 },
  ours = { ["workerpool"] = measured },
}
