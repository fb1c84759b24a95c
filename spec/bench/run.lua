-- The bench: what a task, a message, a byte and a start cost, beside Python's
-- multiprocessing.Pool, a bare pipe and memcpy, measured in the same run.
--
--   make bench            (or lua5.4 spec/bench/run.lua [FILE.tsv])
--
-- Each figure is the best of some rounds: what the code costs, not what else
-- the machine was doing. Compare ratios, not seconds.

local workerpool = require "workerpool"
local core = require "workerpool.core"

local WorkerPool = workerpool.WorkerPool
local function same(x) return x end

local rows = {}

local function best_of(rounds, count, f)
  local best = math.huge
  for _ = 1, rounds do
    local began = core.now()
    f()
    best = math.min(best, (core.now() - began) / count)
  end
  return best
end

-- "name seconds" lines of another program; empty when it is not there.
local function figures(command)
  local found = {}
  local pipe <close> = assert(io.popen(command .. " 2>/dev/null"))
  for line in pipe:lines() do
    local name, seconds = line:match("^(.-)%s+([%d.e+-]+)$")
    if name then found[name] = tonumber(seconds) end
  end
  return found
end

local function seconds_text(s)
  if s < 1e-6 then return ("%.1f ns"):format(s * 1e9) end
  if s < 1e-3 then return ("%.2f us"):format(s * 1e6) end
  return ("%.2f ms"):format(s * 1e3)
end

-- One line: our time, and how many times it goes into each baseline's.
local function report(name, ours, baselines)
  local words = {}
  for _, base in ipairs(baselines) do
    local label, theirs = base[1], base[2]
    words[#words + 1] = theirs
      and ("%s %s = %.2f x ours"):format(label, seconds_text(theirs), theirs / ours)
      or label .. " not installed"
  end
  rows[#rows + 1] = { name, ours, baselines }
  print(("%-34s %12s   %s"):format(name, seconds_text(ours), table.concat(words, "; ")))
end

local python = figures("python3 spec/bench/peers/pool.py")
local build = os.getenv("WORKERPOOL_BUILD") or "build"
os.execute(("cc -O2 -o %s/bare spec/bench/bare.c"):format(build))
local bare = figures(build .. "/bare")

-- ---- tasks ------------------------------------------------------------------

local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
pool:map(same, workerpool.range(1000))

local call = best_of(5, 1000000, function()
  local list = {}
  for i = 1, 1000000 do list[i] = same(i) end
  assert(#list == 1000000)
end)
report("a task of a million, adaptive", best_of(5, 1000000, function()
  pool:map(same, workerpool.range(1000000))
end), { { "Pool", python.adaptive }, { "a plain loop", call } })

report("a task in a message of its own", best_of(5, 100000, function()
  pool:map(same, workerpool.range(100000), { chunk_size = 1 })
end), { { "Pool", python.single }, { "pipe round trip", bare["pipe 64 B"] } })

report("one apply on a warm pool", best_of(5, 1000, function()
  for i = 1, 1000 do pool:apply(same, { i }) end
end), { { "Pool", python.apply }, { "pipe round trip", bare["pipe 64 B"] } })

report("a map of 10 on kept workers", best_of(5, 100, function()
  for _ = 1, 100 do pool:map(same, workerpool.range(10)) end
end), { { "Pool", python.ten } })

report("start, 2 tasks, stop: 2 workers", best_of(5, 20, function()
  for _ = 1, 20 do
    local fresh <close> = WorkerPool { n_jobs = 2 }
    fresh:map(same, workerpool.range(2))
  end
end), { { "Pool", python.start } })

-- ---- bytes --------------------------------------------------------------------

for _, case in ipairs { { "64 KB", 1 << 16, 50 }, { "1 MB", 1 << 20, 20 }, { "100 MB", 100 << 20, 1 } } do
  local name, size, times = case[1], case[2], case[3]
  local text = ("x"):rep(size)
  report(name .. " there and back", best_of(5, times, function()
    for _ = 1, times do pool:apply(same, { text }) end
  end), {
    { "Pool", python[name] }, { "pipe", bare["pipe " .. name] },
    { "memcpy", bare["memcpy " .. name] },
  })
end

-- ---- the codec ------------------------------------------------------------------

local has_cjson, cjson = pcall(require, "cjson")
local codec = core.codec()

local function records()
  local list = {}
  for i = 1, 1000 do list[i] = { id = i, name = "item " .. i, value = i / 3 } end
  return list, 4000
end

local function floats()
  local list = {}
  for i = 1, 1000 do list[i] = i / 3 end
  return list, 1000
end

local function strings()
  local list = {}
  for i = 1, 1000 do list[i] = ("text %d "):format(i):rep(5) end
  return list, 1000
end

for name, make in pairs { records = records, floats = floats, strings = strings } do
  local value, count = make()
  local bytes = codec:encode(value)
  local text = has_cjson and cjson.encode(value)
  local function cjson_time(f, argument)
    return has_cjson and best_of(20, 10 * count, function() for _ = 1, 10 do f(argument) end end)
      or nil
  end
  report("encode a value of " .. name, best_of(20, 10 * count, function()
    for _ = 1, 10 do codec:encode(value) end
  end), { { "cjson", cjson_time(cjson and cjson.encode, value) } })
  report("decode a value of " .. name, best_of(20, 10 * count, function()
    for _ = 1, 10 do codec:decode(bytes) end
  end), { { "cjson", cjson_time(cjson and cjson.decode, text) } })
end

-- ---- for machines ------------------------------------------------------------------

if arg[1] then
  local file <close> = assert(io.open(arg[1], "w"))
  for _, row in ipairs(rows) do
    for _, base in ipairs(row[3]) do
      file:write(("%s\t%.9g\t%s\t%s\n"):format(row[1], row[2], base[1], base[2] or ""))
    end
  end
end
