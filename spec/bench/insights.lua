-- What it costs to measure: the same tasks with insights, and with a bar, and
-- without, by turns.
--
--   lua5.4 spec/bench/insights.lua

local workerpool = require "workerpool"
local core = require "workerpool.core"

local function same(x) return x end

local function some_work(x)
  local sum = 0
  for i = 1, 3000 do sum = sum + i % 7 * x end
  return sum
end

local function seconds(pool, f, n, options)
  local began = core.now()
  pool:map(f, workerpool.range(n), options)
  return core.now() - began
end

local plain <close> = workerpool.WorkerPool { n_jobs = 2, keep_alive = true }
local watched <close> = workerpool.WorkerPool { n_jobs = 2, keep_alive = true,
  enable_insights = true }
local null <close> = io.open("/dev/null", "w")
local BAR = { progress_bar = true, progress_bar_options = { file = null } }

for _, case in ipairs { { "4 million trivial tasks", same, 4000000 },
    { "40,000 tasks of 20 us", some_work, 40000 } } do
  local name, f, n = table.unpack(case)
  local best = { math.huge, math.huge, math.huge }
  for _ = 1, 9 do
    best[1] = math.min(best[1], seconds(plain, f, n))
    best[2] = math.min(best[2], seconds(watched, f, n))
    best[3] = math.min(best[3], seconds(plain, f, n, BAR))
  end
  print(("%-26s %6.1f ms, with insights %+.1f %%, with a bar %+.1f %%"):format(name,
    best[1] * 1e3, (best[2] / best[1] - 1) * 100, (best[3] / best[1] - 1) * 100))
end
