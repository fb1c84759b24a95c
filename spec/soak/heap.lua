-- A soak of the heap: objects of all kinds and sizes are made, linked, dropped
-- and finalized, old ones and young ones, before and after forks of a frozen
-- heap, in host and workers; what is in them is checked all the while.
--
--   lua5.4 spec/soak/heap.lua [rounds [steps [seed]]]

local core = require "workerpool.core"
local workerpool = require "workerpool"

local rounds, steps, seed = ...
rounds, steps, seed = tonumber(rounds) or 10, tonumber(steps) or 400000, tonumber(seed) or 1

local SLOTS = 20000

-- Every object says by itself what must be in it.
local make, check = {}, {}

function make.string(n) return { kind = "string", n = n, s = ("%d."):format(n):rep(n % 300) } end
function check.string(o) return o.s == ("%d."):format(o.n):rep(o.n % 300) end

function make.list(n)
  local list = {}
  for i = 1, n % 70 do list[i] = n + i end
  return { kind = "list", n = n, list = list }
end
function check.list(o)
  for i = 1, o.n % 70 do
    if o.list[i] ~= o.n + i then return false end
  end
  return #o.list == o.n % 70
end

function make.closure(n)
  local count = n
  return { kind = "closure", n = n, f = function(by) count = count + by return count - by end }
end
function check.closure(o) return o.f(0) == o.n end

function make.thread(n)
  local t = coroutine.wrap(function() while true do coroutine.yield(n) end end)
  return { kind = "thread", n = n, t = t }
end
function check.thread(o) return o.t() == o.n end

local finalized = 0
function make.object(n)
  return setmetatable({ kind = "object", n = n, m = -n }, { __gc = function(o)
    assert(o.n == -o.m, "a finalizer got a torn object")
    finalized = finalized + 1
  end })
end
function check.object(o) return o.n == -o.m end

local NAMES = { "string", "list", "closure", "thread", "object" }

local function step(slots, weak)
  local i, n = math.random(SLOTS), math.random(1 << 30)
  local o = slots[i]
  if o then
    assert(check[o.kind](o), o.kind)
    if o.other then assert(check[o.other.kind](o.other), "link") end
  end
  local name = n % 50 == 0 and "thread" or NAMES[n % 5 + 1]
  if name == "thread" and n % 50 ~= 0 then name = "list" end
  local new = n % 7 == 0 and false or make[name](n)
  slots[i] = new or nil
  if new then
    local other = slots[math.random(SLOTS)]
    -- Chains are cut: they would keep all that there ever was.
    if other then new.other, other.other = other, nil end
    weak[i % 100 + 1] = new
  end
end

local function work(slots, weak, count)
  for _ = 1, count do step(slots, weak) end
  for _, o in pairs(weak) do assert(check[o.kind](o), "weak") end
  return finalized
end

math.randomseed(seed)
local ballast = {}
for i = 1, 200000 do ballast[i] = { i, tostring(i) } end
local slots, weak = {}, setmetatable({}, { __mode = "v" })

for round = 1, rounds do
  collectgarbage(round % 3 == 0 and "incremental" or "generational")
  work(slots, weak, steps)
  local pool = workerpool.WorkerPool { n_jobs = 2, shared_objects = ballast }
  local counts = pool:map(function(shared, x)
    math.randomseed(seed + x)
    local n = work(slots, weak, steps // 4)
    for i = 1, #shared, 97 do assert(shared[i][2] == tostring(shared[i][1])) end
    return n
  end, workerpool.range(4), { chunk_size = 1 })
  assert(#counts == 4)
  for i = 1, #ballast, 97 do assert(ballast[i][2] == tostring(i)) end
  for i = round, #ballast, rounds * 2 do ballast[i] = { i, tostring(i) } end
end
assert(finalized > 0)
for _, o in pairs(slots) do assert(check[o.kind](o), "in the end") end
print(("%d rounds, %d finalized, heap %d MB"):format(rounds, finalized,
  core.heap().spans >> 20))
print("ok")
