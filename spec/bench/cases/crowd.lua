-- As many pools as CPUs, all busy with tasks in messages of their own, each in
-- a program of its own: whoever spins there takes the CPU from others. What
-- counts is the sum: a task must not cost more than with one pool alone.
local kit = ...

local CHILD = [[
local workerpool = require "workerpool"
local function same(x) return x end
local pool <close> = workerpool.WorkerPool { n_jobs = %d, keep_alive = true }
pool:map(same, workerpool.range(2000), { chunk_size = 1 })
print "ready"
io.stdout:flush()
local n = io.read("n")
local results = pool:map(same, workerpool.range(n), { chunk_size = 1 })
assert(results[n] == n)
print "done"
io.stdout:flush()]]

local function start(program)
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkfifo " .. path))
  local there = io.popen(("exec %s -e '%s' >%s"):format(os.getenv("LUA") or "lua5.4", program, path), "w")
  local back = io.open(path)
  os.remove(path)
  assert(back:read("l") == "ready", "a pool of the crowd does not start")
  return { there = there, back = back }
end

local cpus = #kit.core.affinity()

-- Seconds until `pools` pools have done n tasks together.
local function crowd(n, pools)
  local members = {}
  for i = 1, pools do members[i] = start(CHILD:format(cpus)) end
  local seconds = kit.seconds(function()
    for _, member in ipairs(members) do
      member.there:write(math.max(1, n // pools), "\n")
      member.there:flush()
    end
    for _, member in ipairs(members) do assert(member.back:read("l") == "done") end
  end)
  for _, member in ipairs(members) do
    member.there:close()
    member.back:close()
  end
  return seconds
end

-- How a task of many pools compares with one of a pool alone.
local function loss(row, rows)
  local alone, here = rows[1].contenders[1], row.contenders[1]
  return alone.median and here.median and alone.median / here.median
end

return {
  place = 91, name = "crowd", most = 40000, fixed = true,
  title = "trivial tasks in messages of their own, all pools together", unit = "task",
  targets = {
    { text = "no loss where every CPU has a pool of its own", of = loss, at_least = 0.97,
      rows = { "a pool for each CPU", "four pools for each CPU" } },
  },
  rows = {
    { label = "one pool", values = { pools = 1 } },
    { label = "a pool for each CPU", values = { pools = cpus } },
    { label = "four pools for each CPU", values = { pools = 4 * cpus } },
  },
  tiny = { pools = 2 }, tiny_most = 100,
  ours = { ["workerpool"] = function(n, values) return crowd(n, values.pools) end },
}
