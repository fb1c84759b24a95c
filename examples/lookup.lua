--[=[
A lookup table that is too large to copy: a log is joined with it.

  workerpool run examples/lookup.lua [entries [lines]]

The table is made once, in the host, and read by all workers: a fork shares it
without sending it. The end of the output says how much memory of its own each
worker had: with a million entries the table has some 200 MB.
]=]

local workerpool = require "workerpool"

local entries = math.tointeger(tonumber(arg[1] or 200000))
local lines = math.tointeger(tonumber(arg[2] or 400000))
if not (entries and lines and entries > 0 and lines > 0) then
  io.stderr:write("lookup: wanted two positive numbers, entries and lines\n")
  os.exit(2)
end

local COUNTRIES = { "de", "fr", "it", "jp", "pl", "us" }

local users = {}
for i = 1, entries do
  users[("u%07d"):format(i)] = { id = i, country = COUNTRIES[i % #COUNTRIES + 1] }
end

-- Of this process, in MB; 0 where the kernel does not say.
local function private_memory()
  local file <close> = io.open("/proc/self/smaps_rollup")
  local kib = file and file:read("a"):match("Private_Dirty:%s+(%d+)")
  return (tonumber(kib) or 0) / 1024
end

-- Runs in a worker: a part of the log, which here is made up by arithmetic.
local function count_part(shared, first, last)
  local counts = {}
  for n = first, last do
    local key = ("u%07d"):format(n * 7919 % entries + 1)
    local user = shared[key]
    counts[user.country] = (counts[user.country] or 0) + 1
  end
  return counts
end

local PART = 10000
local parts = {}
for first = 1, lines, PART do parts[#parts + 1] = { first, math.min(first + PART - 1, lines) } end

local totals, most = {}, workerpool.Value("d")
workerpool.with({ shared_objects = users }, function(pool)
  local options = { worker_exit = function() most:max(private_memory()) end }
  for _, counts in pool:imap_unordered(count_part, parts, options) do
    for country, n in pairs(counts) do totals[country] = (totals[country] or 0) + n end
  end
end)

local sum = 0
for _, country in ipairs(COUNTRIES) do
  print(("%s %9d"):format(country, totals[country] or 0))
  sum = sum + (totals[country] or 0)
end
print(("%d lines, %d entries in %.0f MB, %.0f MB private to a worker"):format(
  sum, entries, collectgarbage("count") / 1024, most.value))
