-- Copies of what a caller goes on using: arguments that have to wait for room, elements
-- of an iterator that fills the same table again and again.
--
-- Plain tables are copied, in them, too; an object with a metatable is left as it is, for
-- nobody knows what else belongs to it, or what its finalizer would do to a copy.

local debug, next, rawequal, type = debug, next, rawequal, type

local copies = {}

local function is_plain(value)
  return type(value) == "table" and debug.getmetatable(value) == nil
end

local function copied(value, made)
  if not is_plain(value) then return value end
  if made[value] then return made[value] end
  local copy = {}
  made[value] = copy
  for k, v in next, value do copy[copied(k, made)] = copied(v, made) end
  return copy
end

--- A copy of a value, of any depth that the stack takes.
---@param value any
---@return any
function copies.of(value)
  return copied(value, {})
end

-- Keys that are tables themselves are nobody's buffers: they count by identity.
local function is_same(value, copy, seen)
  if not is_plain(value) then return rawequal(value, copy) or value ~= value end
  if seen[value] then return true end
  seen[value] = true
  if not is_plain(copy) then return false end
  for k, v in next, value do
    if not is_plain(k) and not is_same(v, copy[k], seen) then return false end
  end
  for k in next, copy do
    if not is_plain(k) and value[k] == nil then return false end
  end
  return true
end

--- Is a value still what it was when the copy was made?
---@param value any
---@param copy any
---@return boolean
function copies.is_same(value, copy)
  return is_same(value, copy, {})
end

-- What is left of so many when the fields of a value have been taken away.
local function count(value, left, seen)
  if not is_plain(value) or seen[value] then return left end
  seen[value] = true
  for k, v in next, value do
    left = left - 1
    if left >= 0 then left = count(k, left, seen) end
    if left >= 0 then left = count(v, left, seen) end
    if left < 0 then return left end
  end
  return left
end

--- Are there at most so many fields in a value?
---@param value any
---@param most integer
---@return boolean
function copies.is_small(value, most)
  return count(value, most, {}) >= 0
end

return copies
