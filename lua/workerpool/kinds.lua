-- What an option's value may be: small descriptions that check a value, say
-- in words what they want, and can be listed for manuals.
--
-- A kind is a table with `wanted` (words for the error message), `type`,
-- perhaps `min` and `max`, and `check(value)`, which returns true and the
-- value to use (4.0 becomes 4 where an integer is wanted), or false.

local preview = require("workerpool.preview").preview

local math_type, tointeger = math.type, math.tointeger
local format = string.format

local kinds = {}

local ARTICLES = { string = "a string", table = "a table" }

--- What came, for an error message: `"4" (a string)`. The type is said
--- where the value alone may mislead.
function kinds.got(v)
  local article = ARTICLES[type(v)]
  local text = preview({ v }, 1)
  return article and format("%s (%s)", text, article) or text
end

local function range_words(low, high)
  if low and high then return format(" from %s to %s", low, high) end
  return low and format(" of at least %s", low) or ""
end

local function within(value, low, high)
  return (not low or value >= low) and (not high or value <= high)
end

-- Strings that look like numbers are refused: "4" is a slip, not a number.
function kinds.integer(low, high)
  return {
    type = "integer", min = low, max = high,
    wanted = "an integer" .. range_words(low, high),
    check = function(v)
      local n = type(v) == "number" and tointeger(v)
      if not n or not within(n, low, high) then return false end
      return true, n
    end,
  }
end

-- A count that may be too large for an integer, such as 1e300: then it is
-- as good as the largest one.
function kinds.count()
  local kind = kinds.integer(0)
  local exact = kind.check
  function kind.check(v)
    if math_type(v) == "float" and v >= 2.0 ^ 63 and v < math.huge then
      return true, math.maxinteger
    end
    return exact(v)
  end
  return kind
end

local function finite(v)
  return type(v) == "number" and v == v and v < math.huge and v > -math.huge
end

function kinds.number(low, high)
  return {
    type = "number", min = low, max = high,
    wanted = "a number" .. range_words(low, high),
    check = function(v)
      if not finite(v) or not within(v, low, high) then return false end
      return true, v
    end,
  }
end

function kinds.seconds()
  return {
    type = "number", min = 0,
    wanted = "a number of seconds above 0",
    check = function(v)
      if not finite(v) or v <= 0 then return false end
      return true, v
    end,
  }
end

function kinds.boolean()
  return {
    type = "boolean",
    wanted = "true or false",
    check = function(v) return type(v) == "boolean", v end,
  }
end

function kinds.string()
  return {
    type = "string",
    wanted = "a string",
    check = function(v) return type(v) == "string", v end,
  }
end

function kinds.path()
  return {
    type = "string",
    wanted = "the name of a file",
    check = function(v)
      return type(v) == "string" and v ~= "" and not v:find("\0", 1, true), v
    end,
  }
end

-- Any value but nil, which cannot be told from an option not given.
function kinds.any()
  return {
    type = "any",
    wanted = "any value but nil",
    check = function(v) return true, v end,
  }
end

local function callable(v)
  if type(v) == "function" then return true end
  local mt = getmetatable(v)
  return type(mt) == "table" and type(rawget(mt, "__call")) == "function"
end

function kinds.callable()
  return {
    type = "function",
    wanted = "a function",
    check = function(v) return callable(v), v end,
  }
end

function kinds.one_of(...)
  local names, known = { ... }, {}
  for i, name in ipairs(names) do
    known[name], names[i] = true, format("%q", name)
  end
  local last = table.remove(names)
  return {
    type = "string",
    wanted = table.concat(names, ", ") .. " or " .. last,
    check = function(v) return type(v) == "string" and known[v] == true, v end,
  }
end

local function fetch(v, name)
  return v[name]
end

-- An object that has these methods, found by indexing it: it may be a table
-- or a userdata of any class.
function kinds.object(...)
  local names = { ... }
  return {
    type = "object",
    wanted = "an object with " .. table.concat(names, " and "),
    check = function(v)
      if type(v) ~= "table" and type(v) ~= "userdata" then return false end
      for _, name in ipairs(names) do
        local ok, method = pcall(fetch, v, name)
        if not ok or not callable(method) then return false end
      end
      return true, v
    end,
  }
end

-- A table of options of its own; options.lua looks inside.
function kinds.options()
  return {
    type = "table",
    wanted = "a table of options",
    check = function(v) return type(v) == "table", v end,
  }
end

-- A value that `test` accepts, for what has no kind of its own.
function kinds.that(type_text, wanted, test)
  return { type = type_text, wanted = wanted, check = test }
end

-- The first of several kinds that accepts the value.
function kinds.either(...)
  local list = { ... }
  local types, wanted = {}, {}
  for i, kind in ipairs(list) do
    types[i], wanted[i] = kind.type, kind.wanted
  end
  local last = table.remove(wanted)
  return {
    type = table.concat(types, " or "),
    min = list[1].min, max = list[1].max,
    wanted = table.concat(wanted, ", ") .. " or " .. last,
    check = function(v)
      for _, kind in ipairs(list) do
        local ok, value = kind.check(v)
        if ok then return true, value end
      end
      return false
    end,
  }
end

return kinds
