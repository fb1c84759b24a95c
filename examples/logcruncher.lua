--[[
Reads a log of JSON lines and reports on it: requests by path and by status,
and how long they took.

  workerpool run examples/logcruncher.lua [file.jsonl]

Without a file it makes one, always the same. Each line is an object with at
least the fields path, status and ms:

  {"time":1700000000,"path":"/api/items","status":200,"ms":12.5}

It shows how to work on a file that is larger than memory: the host sends no
data, only pairs of numbers. Each worker opens the file itself and reads its
own range of bytes, and what comes back is already added up. JSON is read by
lua-cjson, a module that is loaded in the workers like in any other program.
]]

local workerpool = require "workerpool"

local has_cjson, cjson = pcall(require, "cjson")
if not has_cjson then
  io.stderr:write("logcruncher: this example needs lua-cjson "
    .. "(Debian: apt install lua-cjson; LuaRocks: luarocks install lua-cjson)\n")
  os.exit(1)
end

local RANGE_BYTES = 256 * 1024
local BUCKETS_PER_DOUBLING = 16 -- of the histogram: steps of 4 %

-- ---- a log to work on ---------------------------------------------------------

local PATHS = { "/", "/about", "/api/items", "/api/orders", "/api/search", "/login" }
local STATUSES = { 200, 200, 200, 200, 200, 200, 200, 304, 404, 500 }
local LINES = 20000

local function line_at(second)
  local path = math.random(#PATHS)
  local ms = 2 * path * math.exp(math.random() * 3)
  return ('{"time":%d,"path":"%s","status":%d,"ms":%.2f}\n'):format(
    1700000000 + second, PATHS[path], STATUSES[math.random(#STATUSES)], ms)
end

local function make_log(path)
  math.randomseed(2024)
  local file <close> = assert(io.open(path, "wb"))
  for i = 1, LINES do assert(file:write(line_at(i // 20))) end
end

-- ---- in the workers -------------------------------------------------------------

-- Latencies go into a histogram whose buckets grow with the value. Histograms
-- of several workers can be added up, which percentiles cannot.
local function bucket_of(ms)
  return math.floor(math.log(math.max(ms, 0.001), 2) * BUCKETS_PER_DOUBLING)
end

local function new_group() return { requests = 0, errors = 0, ms = {} } end

local function add(counts, key, n) counts[key] = (counts[key] or 0) + n end

local function take_entry(report, entry)
  local group = report.paths[entry.path] or new_group()
  report.paths[entry.path] = group
  group.requests = group.requests + 1
  if entry.status >= 500 then group.errors = group.errors + 1 end
  add(group.ms, bucket_of(entry.ms), 1)
  add(report.statuses, math.floor(entry.status), 1)
end

local function is_entry(value)
  return type(value) == "table" and type(value.path) == "string"
    and type(value.status) == "number" and type(value.ms) == "number"
end

local function take_line(report, line)
  local ok, entry = pcall(cjson.decode, line)
  if ok and is_entry(entry) then return take_entry(report, entry) end
  report.bad = report.bad + 1
end

-- The lines that begin in bytes from … to-1 (counted from 0). A line that
-- begins before the range belongs to the range before: so nothing is read
-- twice and nothing is left out, wherever the cuts fall.
local function crunch(path, from, to)
  local report = { paths = {}, statuses = {}, bad = 0, lines = 0 }
  local file <close> = assert(io.open(path, "rb"))
  if from > 0 then
    file:seek("set", from - 1)
    file:read("l")
  end
  local at = file:seek()
  while at < to do
    local line = file:read("L")
    if not line then break end
    at = at + #line
    report.lines = report.lines + 1
    take_line(report, line)
  end
  return report
end

-- ---- in the host ------------------------------------------------------------------

-- The tasks, one after another: an iterator of three values, which become the
-- three arguments.
local function ranges(path)
  local file <close> = assert(io.open(path, "rb"))
  local size, from = file:seek("end"), 0
  return function()
    if from >= size then return nil end
    local first = from
    from = math.min(from + RANGE_BYTES, size)
    return path, first, from
  end
end

local function merge_group(into, group)
  into.requests = into.requests + group.requests
  into.errors = into.errors + group.errors
  for bucket, n in pairs(group.ms) do add(into.ms, bucket, n) end
end

local function merge(into, report)
  into.lines, into.bad = into.lines + report.lines, into.bad + report.bad
  for status, n in pairs(report.statuses) do add(into.statuses, status, n) end
  for path, group in pairs(report.paths) do
    into.paths[path] = into.paths[path] or new_group()
    merge_group(into.paths[path], group)
  end
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- The value below which this share lies: the middle of its bucket.
local function percentile(group, share)
  local wanted, seen = share * group.requests, 0
  for _, bucket in ipairs(sorted_keys(group.ms)) do
    seen = seen + group.ms[bucket]
    if seen >= wanted then return 2 ^ ((bucket + 0.5) / BUCKETS_PER_DOUBLING) end
  end
end

local function print_report(report)
  print(("%-16s %9s %7s %9s %9s %9s"):format("path", "requests", "errors",
    "p50 ms", "p90 ms", "p99 ms"))
  for _, path in ipairs(sorted_keys(report.paths)) do
    local group = report.paths[path]
    print(("%-16s %9d %7d %9.1f %9.1f %9.1f"):format(path, group.requests,
      group.errors, percentile(group, 0.5), percentile(group, 0.9),
      percentile(group, 0.99)))
  end
  print()
  for _, status in ipairs(sorted_keys(report.statuses)) do
    print(("status %d: %d"):format(status, report.statuses[status]))
  end
  print(("%d lines, %d of them unreadable"):format(report.lines, report.bad))
end

local function main(path)
  local total = { paths = {}, statuses = {}, bad = 0, lines = 0 }
  local pool <close> = workerpool.WorkerPool()
  for _, report in pool:imap_unordered(crunch, ranges(path)) do
    merge(total, report)
  end
  print_report(total)
end

if arg[1] then
  local file, message = io.open(arg[1], "rb")
  if not file then
    io.stderr:write("logcruncher: ", message, "\n")
    os.exit(1)
  end
  file:close()
  main(arg[1])
else
  local path = os.tmpname()
  local _ <close> = setmetatable({}, { __close = function() os.remove(path) end })
  make_log(path)
  main(path)
end
