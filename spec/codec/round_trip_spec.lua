-- Random values with cycles, shared parts, edge numbers and odd keys arrive as
-- they were. The seed is $WORKERPOOL_SEED or the clock; it is printed, and
-- stands in the message of a failure.

local core = require "workerpool.core"
local names = require "workerpool.names"

local codec = core.codec()
local seed = tonumber(os.getenv "WORKERPOOL_SEED") or os.time()

local Class = { __name = "spec.round_trip.Class" }
names.register_class("spec.round_trip.Class", Class)

local random = math.random
local EDGES = {
  0, -1, 95, 96, 127, 128, -128, -129, 32767, 32768, -32769, 1 << 31, -(1 << 31) - 1,
  math.maxinteger, math.mininteger, 0.0, -0.0, 1.5, 2.0 ^ 53, 1e308, 5e-324,
  math.huge, -math.huge, 0 / 0,
}

---- making values -------------------------------------------------------------

local function random_string()
  local lengths = { 0, 1, 3, 7, 8, 16, 31, 32, 40, 41, 255, 256, random(300) }
  local bytes = {}
  for i = 1, lengths[random(#lengths)] do bytes[i] = string.char(random(0, 255)) end
  return table.concat(bytes)
end

local function random_number()
  local kind = random(4)
  if kind == 1 then return EDGES[random(#EDGES)] end
  if kind == 2 then return random(0) end -- any integer
  if kind == 3 then return random(-200, 200) end
  return (random() - 0.5) * 10 ^ random(-20, 20)
end

local NAMED = { print, string, string.format, names.new }

local function random_scalar(pool)
  local kind = random(8)
  if kind <= 3 then return random_number() end
  if kind <= 5 then
    if #pool.strings > 0 and random(2) == 1 then return pool.strings[random(#pool.strings)] end
    local s = random_string()
    pool.strings[#pool.strings + 1] = s
    return s
  end
  if kind == 6 then return random(2) == 1 end
  if kind == 7 then return NAMED[random(#NAMED)] end
  return "key" .. random(10)
end

local random_value

-- A table that is a key gets a number, by which its counterpart is found.
local function random_key(pool, depth)
  local key
  repeat key = random(12) == 1 and random_value(pool, depth - 2) or random_scalar(pool)
  until key == key and key ~= nil and (type(key) ~= "function" or key == print)
  if type(key) == "table" and key ~= string and not rawget(key, "number") then
    pool.numbered = pool.numbered + 1
    rawset(key, "number", pool.numbered)
  end
  return key
end

local function fill_list(t, pool, depth)
  local all_floats = random(3) == 1
  for i = 1, random(0, 20) do
    t[i] = all_floats and random() or random_value(pool, depth - 1)
  end
  if random(4) == 1 and #t > 0 then t[random(#t)] = nil end
end

local function fill_map(t, pool, depth)
  for _ = 1, random(0, random(5) == 1 and 60 or 6) do
    t[random_key(pool, depth)] = random_value(pool, depth - 1)
  end
end

local function random_function(pool, depth)
  local a, b = random_value(pool, depth - 1), nil
  local f = function() return a, b end
  pool.objects[#pool.objects + 1] = f
  b = random_value(pool, depth - 1)
  return f
end

function random_value(pool, depth)
  local enough = #pool.objects > 40
  if depth <= 0 or enough or random(3) == 1 then return random_scalar(pool) end
  -- Objects made before, also those that are being made: cycles.
  if #pool.objects > 0 and random(5) == 1 then return pool.objects[random(#pool.objects)] end
  if random(12) == 1 then return random_function(pool, depth) end
  local t = {}
  pool.objects[#pool.objects + 1] = t
  local kind = random(3)
  if kind ~= 1 then fill_list(t, pool, depth) end
  if kind ~= 2 then fill_map(t, pool, depth) end
  return random(8) == 1 and setmetatable(t, Class) or t
end

---- comparing -----------------------------------------------------------------

local isomorphic

local function same_number(a, b)
  return math.type(a) == math.type(b) and (a ~= a and b ~= b or
    a == b and (a ~= 0 or 1 / a == 1 / b))
end

-- The key of u that stands for a key of t.
local function counterpart(key, u)
  if type(key) ~= "table" or key == string then return key end
  for candidate in next, u do
    if type(candidate) == "table" and rawget(candidate, "number") == key.number then
      return candidate
    end
  end
end

local function same_tables(t, u, pairing)
  if debug.getmetatable(t) ~= debug.getmetatable(u) then return false end
  local count = 0
  for _ in next, t do count = count + 1 end
  for _ in next, u do count = count - 1 end
  if count ~= 0 then return false end
  for key, value in next, t do
    local other = counterpart(key, u)
    if other == nil or not isomorphic(key, other, pairing)
      or not isomorphic(value, rawget(u, other), pairing) then
      return false
    end
  end
  return true
end

local function same_functions(f, g, pairing)
  for i = 1, 2 do
    local name, value = debug.getupvalue(f, i)
    local other_name, other = debug.getupvalue(g, i)
    if name ~= other_name or not isomorphic(value, other, pairing) then return false end
  end
  return true
end

function isomorphic(a, b, pairing)
  if type(a) ~= type(b) then return false end
  if type(a) == "number" then return same_number(a, b) end
  if type(a) ~= "table" and type(a) ~= "function" then return a == b end
  if pairing.there[a] ~= nil or pairing.back[b] ~= nil then
    return rawequal(pairing.there[a], b) and rawequal(pairing.back[b], a)
  end
  pairing.there[a], pairing.back[b] = b, a
  for _, named in ipairs(NAMED) do
    if rawequal(a, named) then return rawequal(a, b) end
  end
  if type(a) == "table" then return same_tables(a, b, pairing) end
  return same_functions(a, b, pairing)
end

---- the property ----------------------------------------------------------------

describe("a random value", function()
  it("arrives isomorphic to what was sent", function()
    io.stderr:write(("round_trip_spec: WORKERPOOL_SEED=%d\n"):format(seed))
    for case = 1, 2000 do
      math.randomseed(seed, case)
      local pool = { objects = {}, strings = {}, numbered = 0 }
      local value = random_value(pool, random(7))
      local other = random_value(pool, random(3))
      local bytes = codec:encode(value, other)
      local got, got_other = codec:decode(bytes)
      local pairing = { there = {}, back = {} }
      local same = isomorphic(value, got, pairing) and isomorphic(other, got_other, pairing)
      assert.is_true(same, ("case %d of seed %d differs"):format(case, seed))
    end
  end)
end)
