-- Shared memory beside what it stands in for: a plain table, memcpy, a lock.
--
--   lua5.4 spec/bench/shared.lua
--
-- Best of some rounds; ratios are of one run.

local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool, range = workerpool.WorkerPool, workerpool.range

local function best_of(rounds, f)
  local best = math.huge
  for _ = 1, rounds do
    local began = core.now()
    f()
    best = math.min(best, core.now() - began)
  end
  return best
end

local function report(name, ours, label, theirs)
  print(("%-44s %9.2f ns   %s"):format(name, ours * 1e9,
    theirs and ("%s %.2f ns, ratio %.2f"):format(label, theirs * 1e9, ours / theirs) or label or ""))
end

-- ---- one element --------------------------------------------------------------

local N = 3000000

local function loop_of(a)
  return function() for i = 1, N do a[1] = a[2] + i end end
end

local function get_of(a)
  return function() local s = 0 for _ = 1, N do s = s + a[2] end return s end
end

local function set_of(a)
  return function() for i = 1, N do a[1] = i end end
end

local function read_of(a)
  return function() for _ = 1, N do local _ = a[2] end end
end

local array, list = workerpool.Array("q", { 0, 0 }), { 0, 0 }
local proxy = setmetatable({}, {
  __index = function(_, i) return list[i] end,
  __newindex = function(_, i, v) list[i] = v end,
})
-- What Lua itself asks for any access that is not to a table's own fields.
local floor = setmetatable({}, { __index = rawequal, __newindex = rawequal })
for _, case in ipairs { { "get", get_of, read_of }, { "set", set_of, set_of }, { "get and set", loop_of } } do
  local ours = best_of(5, case[2](array)) / N
  report("Array: " .. case[1] .. " an element", ours, "table", best_of(5, case[2](list)) / N)
  report("", ours, "a table behind Lua functions", best_of(3, case[2](proxy)) / N)
  if case[1] ~= "get and set" then
    report("", ours, "a C function that does nothing", best_of(5, case[3](floor)) / N)
  end
end

-- ---- many elements ------------------------------------------------------------

local M = 1 << 20
local big, other = workerpool.Array("d", M), workerpool.Array("d", M)
local copy = best_of(9, function() big:copy_from(other) end) / M
report("Array: copy_from an Array, an element", copy, ("%.1f GB/s"):format(8e-9 / copy))
local fill = best_of(9, function() big:fill(1.5) end) / M
report("Array: fill, an element", fill, ("%.1f GB/s"):format(8e-9 / fill))
local sum = best_of(9, function() big:sum() end) / M
report("Array: sum, an element", sum, ("%.1f GB/s"):format(8e-9 / sum))
local text = big:tostring()
report("Array: tostring, an element", best_of(9, function() big:tostring() end) / M,
  "string copy", best_of(9, function() return text .. "x" end) / M)
local plain = big:totable()
report("Array: totable, an element", best_of(5, function() big:totable() end) / M,
  "table.move", best_of(5, function() table.move(plain, 1, M, 1, {}) end) / M)
report("Array: copy_from a table, an element", best_of(5, function() big:copy_from(plain) end) / M)

-- ---- between workers ----------------------------------------------------------

local function in_workers(n, f, object, each)
  local pool <close> = WorkerPool { n_jobs = n, shared_objects = object, keep_alive = true }
  pool:map(f, range(n), { chunk_size = 1 })
  return best_of(3, function()
    pool:map(f, range(n), { chunk_size = 1 })
  end) / each
end

local ADDS = 10000000
local value = workerpool.Value("q", 0)
local function add(v)
  for _ = 1, 10000000 // 4 do v:add(1) end
end
report("Value: add, 4 workers, 10 million together", in_workers(4, add, value, ADDS))
assert(value.value == 4 * ADDS, "adds were lost")

local OPS = 1000000
local dict = workerpool.Dict()
for i = 1, 1000 do dict["k" .. i] = i end
local KEYS = {}
for i = 1, 1000 do KEYS[i] = "k" .. i end
local function rate(name, f)
  local t = in_workers(2, f, { dict, KEYS }, OPS)
  report("Dict: " .. name .. ", 2 workers", t, ("%.2f million a second"):format(1e-6 / t))
end
rate("get", function(s)
  local d, keys = s[1], s[2]
  for i = 1, 500000 do local _ = d[keys[i % 1000 + 1]] end
end)
rate("set", function(s)
  local d, keys = s[1], s[2]
  for i = 1, 500000 do d[keys[i % 1000 + 1]] = i end
end)
rate("incr", function(s)
  local d, keys = s[1], s[2]
  for i = 1, 500000 do d:incr(keys[i % 1000 + 1]) end
end)

local queue = workerpool.Queue(1024)
local ITEMS = 400000
local t = in_workers(2, function(q, i)
  if i == 1 then
    for n = 1, 400000 do q:put(n) end
  else
    for _ = 1, 400000 do q:get() end
  end
end, queue, ITEMS)
report("Queue: put and get, one worker each", t, ("%.2f million a second"):format(1e-6 / t))

local lock = workerpool.Lock()
report("Lock: lock and unlock, alone", best_of(3, function()
  for _ = 1, 1000000 do lock:lock() lock:unlock() end
end) / 1e6)
