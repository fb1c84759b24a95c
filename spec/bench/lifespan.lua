-- What a worker's lifespan costs: tasks of 1 ms, with a successor after each
-- hundred and without, by turns.
--
--   lua5.4 spec/bench/lifespan.lua [megabytes of heap]

local workerpool = require "workerpool"
local core = require "workerpool.core"

local heap = {}
for i = 1, (tonumber(arg[1]) or 1) * 4500 do heap[i] = { id = i, name = "record " .. i } end

local N_TASKS, LIFESPAN = 4000, 100

local function task()
  local ends = core.now() + 0.001
  while core.now() < ends do end
end

local function seconds(pool, lifespan)
  local began = core.now()
  pool:map(task, workerpool.range(N_TASKS), { worker_lifespan = lifespan, chunk_size = 5 })
  return core.now() - began
end

local pool <close> = workerpool.WorkerPool { n_jobs = 2, shared_objects = heap, keep_alive = true }
local with, without = math.huge, math.huge
for _ = 1, 3 do
  without = math.min(without, seconds(pool, nil))
  with = math.min(with, seconds(pool, LIFESPAN))
end
print(("heap %.0f MB: %d tasks of 1 ms %.2f s, with a lifespan of %d tasks %.2f s: %.1f %%"):format(
  collectgarbage("count") / 1024, N_TASKS, without, LIFESPAN, with, 100 * without / with))
