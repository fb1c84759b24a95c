-- Numbers from a to b, as a list that takes no memory.
--
-- A range counts as the numeric for does: integers when start and step are
-- integers (then a float limit is only a limit), else floats. Its raw fields
-- _first, _step and _count say everything, so that it can travel as three
-- numbers and other code need not ask element by element.

local kinds = require "workerpool.kinds"

local math_type, tointeger, ult = math.type, math.tointeger, math.ult
local format = string.format

---@class workerpool.Range
local Range = { __name = "workerpool.range" }

function Range:__len()
  return rawget(self, "_count")
end

-- Integer arithmetic may wrap on the way in a huge range, but the element
-- itself lies within it, so what comes out is right. An infinite step is never made.
function Range:__index(i)
  i = type(i) == "number" and tointeger(i)
  if not i or i < 1 or i > rawget(self, "_count") then return nil end
  local first = rawget(self, "_first")
  return i == 1 and first or first + (i - 1) * rawget(self, "_step")
end

-- A map goes by the three numbers, so an element of one's own would be lost.
function Range:__newindex(i)
  error(format("range: a range cannot be changed, not even at %s", kinds.got(i)), 2)
end

function Range:__tostring()
  local first, step, count = self._first, self._step, self._count
  if count == 0 then return "workerpool.range(0)" end
  local last = self[count]
  if step == 1 then return format("workerpool.range(%s, %s)", first, last) end
  return format("workerpool.range(%s, %s, %s)", first, last, step)
end

-- n / d where both are unsigned.
local function unsigned_quotient(n, d)
  if d < 0 then return ult(n, d) and 0 or 1 end
  if n >= 0 then return n // d end
  local q = ((n >> 1) // d) << 1
  if not ult(n - q * d, d) then q = q + 1 end
  return q
end

local function is_empty(first, last, step)
  return step > 0 and first > last or step < 0 and first < last
end

-- How many integers: nil when there are more than an integer can count. The
-- distance between the ends may need 64 bits without a sign.
local function count_integers(first, last, step)
  if is_empty(first, last, step) then return 0 end
  local distance = step > 0 and last - first or first - last
  local steps = unsigned_quotient(distance, step > 0 and step or -step)
  if steps < 0 or steps == math.maxinteger then return nil end
  return steps + 1
end

local function count_floats(first, last, step)
  if is_empty(first, last, step) then return 0 end
  return tointeger(math.floor((last - first) / step) + 1)
end

-- A float limit of an integer range, cut to what integers can reach.
local function integer_limit(last, step)
  if math_type(last) == "integer" then return last end
  local rounded = step > 0 and math.floor(last) or math.ceil(last)
  if math_type(rounded) == "integer" then return rounded end
  return last > 0 and math.maxinteger or math.mininteger
end

local function counted(first, last, step)
  if math_type(first) == "integer" and math_type(step) == "integer" then
    return first, step, count_integers(first, integer_limit(last, step), step)
  end
  first, last, step = first + 0.0, last + 0.0, step + 0.0
  return first, step, count_floats(first, last, step)
end

local function check(name, v)
  if type(v) ~= "number" or v ~= v then
    error(format("range: '%s' must be a number, got %s", name, kinds.got(v)), 3)
  end
end

--- A lazy list of numbers with a known length: range(3) is 1, 2, 3;
--- range(4, 8, 2) is 4, 6, 8; range(3, 1, -1) is 3, 2, 1.
---@overload fun(n: number): workerpool.Range
---@param a number
---@param b number
---@param step? number 1 unless given
---@return workerpool.Range
local function range(a, b, step)
  if b == nil and step == nil then a, b = 1, a end
  if step == nil then step = 1 end
  check("start", a)
  check("limit", b)
  check("step", step)
  if step == 0 then error("range: 'step' is zero", 2) end
  local first, used_step, count = counted(a, b, step)
  if not count then error("range: more numbers than can be counted", 2) end
  return setmetatable({ _first = first, _step = used_step, _count = count }, Range)
end

local function is_range(v)
  return type(v) == "table" and getmetatable(v) == Range
end

return { Range = Range, new = range, is_range = is_range }
