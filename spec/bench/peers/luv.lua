-- The work queue of luv: threads of libuv, each with a Lua state of its own. See
-- ../program.lua for the protocol. It has no chunks.

local uv = require "luv"

local function seconds(f)
  local began = uv.hrtime()
  f()
  return (uv.hrtime() - began) / 1e9
end

local function same(x) return x end

-- Queues n tasks that get what argument(i) gives; waits for all.
local function all(n, argument)
  local sum, done = 0, 0
  local work = uv.new_work(same, function(x)
    done, sum = done + 1, sum + (tonumber(x) or #x)
  end)
  for i = 1, n do work:queue(argument(i)) end
  uv.run()
  assert(done == n)
  return sum
end

local function number(i) return i end

local function each(n)
  all(1000, number)
  return seconds(function() assert(all(n, number) == n * (n + 1) // 2, "wrong results") end)
end

local function round_trips(n, data)
  all(100, number)
  return seconds(function()
    for _ = 1, n do all(1, function() return data end) end
  end)
end

local cases = {
  adaptive = each,
  single = each,
  apply = function(n) return round_trips(n, 1) end,
  payload = function(n, values) return round_trips(n, ("x"):rep(values.size)) end,
  ten = function(n)
    all(100, number)
    return seconds(function() for _ = 1, n do all(10, number) end end)
  end,
}

local function say(text)
  io.stdout:write(text, "\n")
  io.stdout:flush()
end

say(("luv %s, %s"):format(uv.version_string(), _VERSION))
for name in pairs(cases) do say(name .. "\tluv work queue") end
say ""

for line in io.lines() do
  local name, count, rest = line:match("^([^\t]*)\t[^\t]*\t(%d+)(.*)$")
  local values = { size = tonumber(rest:match("size=(%d+)")) }
  local ok, answer = pcall(cases[name], tonumber(count), values)
  say(ok and ("%.9g"):format(answer) or "!" .. tostring(answer):gsub("\n.*", ""))
end
