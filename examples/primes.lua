--[[
Counts the primes below a limit.

  workerpool run examples/primes.lua [limit]

The numbers are cut into segments, each small enough for a processor's cache,
and every segment is a task. What all tasks need, the primes up to the root of
the limit, is made once and given to the pool as shared_objects: workers read
the host's own copy, which costs neither time nor memory.
]]

local workerpool = require "workerpool"

local limit = math.tointeger(tonumber(arg[1] or 5000000))
if not limit or limit < 2 then
  io.stderr:write("primes: the limit is an integer of at least 2\n")
  os.exit(2)
end

local SEGMENT = 200000

-- For a check; from tables that are older than computers.
local KNOWN = {
  [10 ^ 3] = 168, [10 ^ 4] = 1229, [10 ^ 5] = 9592, [10 ^ 6] = 78498,
  [2 * 10 ^ 6] = 148933, [5 * 10 ^ 6] = 348513, [10 ^ 7] = 664579,
  [10 ^ 8] = 5761455,
}

-- The sieve of Eratosthenes: the odd primes up to n.
local function odd_primes_up_to(n)
  local composite, primes = {}, {}
  for p = 3, n, 2 do
    if not composite[p] then
      primes[#primes + 1] = p
      for multiple = p * p, n, 2 * p do composite[multiple] = true end
    end
  end
  return primes
end

-- Runs in a worker: the number of primes p with low <= p < high.
local function count_segment(primes, low, high)
  local count = low <= 2 and high > 2 and 1 or 0
  local first = math.max(low | 1, 3) -- the first odd number
  local composite = {}
  for _, p in ipairs(primes) do
    if p * p >= high then break end
    -- Half of them are even, and those are not in the sieve.
    local multiple = math.max(p * p, (first + p - 1) // p * p)
    if multiple % 2 == 0 then multiple = multiple + p end
    for i = (multiple - first) // 2 + 1, (high - 1 - first) // 2 + 1, p do
      composite[i] = true
    end
  end
  for i = 1, (high - 1 - first) // 2 + 1 do
    if not composite[i] then count = count + 1 end
  end
  return count
end

-- Each element is a list of two, which become two arguments.
local function segments(n)
  local list = {}
  for low = 0, n - 1, SEGMENT do
    list[#list + 1] = { low, math.min(low + SEGMENT, n) }
  end
  return list
end

local primes = odd_primes_up_to(math.floor(limit ^ 0.5) + 1)
local pool <close> = workerpool.WorkerPool { shared_objects = primes }

local total = 0
for _, count in pool:imap_unordered(count_segment, segments(limit)) do
  total = total + count
end

print(("%d primes below %d"):format(total, limit))
if KNOWN[limit] then
  assert(total == KNOWN[limit], "the table says " .. KNOWN[limit])
  print("which is what the tables say")
end
