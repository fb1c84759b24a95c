-- Copy-on-write: how much of a large table becomes private to the workers
-- that read it while they make many small results.
--
--   lua5.4 spec/bench/cow.lua [records [tasks [workers]]]
--
-- Prints one line for a heap as Lua has it and one for ours, each measured in
-- a process of its own. 600,000 records are 130 MB, 4,600,000 are 1 GB.

local n_records = tonumber(arg[1]) or 600000
local n_tasks = tonumber(arg[2]) or 3000000
local n_workers = tonumber(arg[3]) or 4

if arg[4] ~= "measure" then
  print(("%d records, %d results, %d workers"):format(n_records, n_tasks, n_workers))
  for _, heap in ipairs { "stock", "ours" } do
    local ok = os.execute(("WORKERPOOL_HEAP=%s lua5.4 %s %d %d %d measure"):format(
      heap, arg[0], n_records, n_tasks, n_workers))
    if not ok then os.exit(1) end
  end
  return
end

local workerpool = require "workerpool"
local core = require "workerpool.core"

-- Of this process, in MB.
local function memory()
  local kib = {}
  for line in io.lines("/proc/self/smaps_rollup") do
    local name, n = line:match("^(%S+):%s+(%d+) kB")
    if name then kib[name] = tonumber(n) / 1024 end
  end
  return { private = kib.Private_Dirty, pss = kib.Pss }
end

local records = {}
for i = 1, n_records do
  records[i] = { id = i, name = "record " .. i, value = i * 0.5 }
end
collectgarbage()
local heap_mb = collectgarbage("count") / 1024

-- Work that looks at a record and makes small things on the way.
local function task(_, shared, i)
  local r = shared[i % #shared + 1]
  local parts = { r.id, r.name, { value = r.value } }
  return #parts[2] + parts[1]
end

-- The largest of a worker and its successors counts.
local figures = workerpool.Array("d", 2 * n_workers)
local function report(w)
  local m = memory()
  figures:max(2 * w + 1, m.private)
  figures:max(2 * w + 2, m.pss)
end

local pool = workerpool.WorkerPool { n_jobs = n_workers, shared_objects = records,
  pass_worker_id = true }

local began = core.now()
pool:map(function() end, workerpool.range(n_workers), { chunk_size = 1 })
local started = core.now()
local sum, options = 0, { worker_exit = report }
for _, value in pool:imap_unordered(task, workerpool.range(n_tasks), options) do
  sum = sum + value
end
local done = core.now()

local private, pss = 0, 0
for w = 0, n_workers - 1 do
  private = math.max(private, figures[2 * w + 1])
  pss = pss + figures[2 * w + 2]
end
print(("%-6s heap %5.0f MB, start %4.0f ms, run %5.2f s, private %5.0f MB a worker at most, "
  .. "Pss of all workers %5.0f MB"):format(os.getenv("WORKERPOOL_HEAP"), heap_mb,
  (started - began) * 1e3, done - started, private, pss))
