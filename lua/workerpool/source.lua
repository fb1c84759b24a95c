-- Tasks in any accepted form become one kind of object, from which the pool
-- takes a few at a time.
--
--   list      a table; length n if it has that field, else #. Handed out as
--             it is, with an index and a count: nothing is copied
--   range     three numbers, handed out as numbers
--   object    whatever has __len (a shared Array, a class of the user's):
--             read element by element into fresh lists
--   iterator  a function, or anything callable, called until it returns nil,
--             and never again after that
--
-- `single` marks any of them: its elements are not to be unpacked.

local copies = require "workerpool.copies"
local kinds = require "workerpool.kinds"
local range = require "workerpool.range"

local format = string.format
local tointeger = math.tointeger
local pack, select = table.pack, select

local function metamethod(v, event)
  local mt = debug.getmetatable(v)
  return type(mt) == "table" and rawget(mt, event) or nil
end

-- single ---------------------------------------------------------------------

---@class workerpool.Single
local Single = { __name = "workerpool.single" }

local function inner(self)
  return rawget(self, "_tasks")
end

local function list_length(t)
  local n = type(t) == "table" and rawget(t, "n")
  return type(n) == "number" and tointeger(n) or #t
end

function Single:__len() return list_length(inner(self)) end

function Single:__index(key) return inner(self)[key] end

-- Only the first value counts: an element that is to reach the function
-- whole, as one argument, is one value.
function Single:__call() return (inner(self)()) end

local function is_single(v)
  return type(v) == "table" and getmetatable(v) == Single
end

--- Marks tasks so that each element reaches the function whole, as its one
--- argument, even a list. Of an iterator that returns several values only
--- the first is used.
---@generic T
---@param tasks T a list, a range, an object or an iterator
---@return T
local function single(tasks)
  if is_single(tasks) then return tasks end
  local kind = type(tasks)
  if kind ~= "table" and kind ~= "function" and kind ~= "userdata" then
    error("single: wanted a list or an iterator function, got " .. kinds.got(tasks), 2)
  end
  return setmetatable({ _tasks = tasks }, Single)
end

-- Arguments -----------------------------------------------------------------------

local function is_count(n)
  n = type(n) == "number" and tointeger(n)
  return n and n >= 0
end

--- How many arguments are in a list: its field n, if that is a count, or else its
--- length. The same in C, for the elements of tasks: src/task_args.c.
---@param list table without metatable
---@return integer
local function count_arguments(list)
  local n = list.n
  return is_count(n) and tointeger(n) or #list
end

--- Has a list without arguments something in it, as a record has?
---@param list table without metatable
---@return boolean
local function is_record(list)
  return not is_count(list.n) and next(list) ~= nil
end

-- The source ---------------------------------------------------------------------

---@class workerpool.Source
---@field kind "range"|"list"|"iterator"
---@field single boolean elements are not to be unpacked
---@field is_plain boolean? taking tasks runs no code of the user's
---@field length integer? number of tasks; nil while unknown
---@field taken integer number of tasks handed out so far
local Source = { __name = "workerpool.source" }
Source.__index = Source

--- How many tasks are left; nil while unknown.
---@return integer?
function Source:remaining()
  return self.length and self.length - self.taken
end

--- Is it certain that nothing is left? An iterator without a length tells
--- only when it is asked for one task too many.
---@return boolean
function Source:exhausted()
  return self._ended or self.taken == self.length
end

local function claim(self, n)
  local left = self.length - self.taken
  if n > left then n = left end
  if n < 0 then n = 0 end
  self.taken = self.taken + n
  return self.taken - n + 1, n
end

local function copied(tasks, first, count)
  local chunk = { n = count }
  for i = 1, count do
    chunk[i] = tasks[first + i - 1]
  end
  return chunk, 1, count
end

local function take_list(self, n)
  return self._tasks, claim(self, n)
end

local function take_object(self, n)
  return copied(self._tasks, claim(self, n))
end

-- Stores one element; several values become the packed list of arguments.
local function keep(chunk, i, value, ...)
  if value == nil then return false end
  if select("#", ...) > 0 then value = pack(value, ...) end
  chunk[i] = value
  return true
end

local function pull_lists(pull, chunk, count, most)
  while count < most and keep(chunk, count + 1, pull()) do count = count + 1 end
  return count
end

-- The same where elements are not to be unpacked: it takes a third of the time.
local function pull_whole(pull, chunk, count, most)
  for i = count + 1, most do
    local value = pull()
    if value == nil then return i - 1 end
    chunk[i] = value
  end
  return most
end

-- Some iterators fill the same table for each element, as cursors of databases do. Such
-- a one has changed the first element when it gives the second; from then on each is
-- copied when it comes. A first one of more fields than this is taken for fresh.
local WATCHED = 10000

local function watch(self, chunk, i)
  if self._reuses then
    chunk[i] = copies.of(chunk[i])
  elseif self.taken + i == 1 then
    self._first = copies.is_small(chunk[i], WATCHED) and chunk[i]
    self._as_it_was = copies.of(self._first)
  else
    self._reuses = not copies.is_same(self._first, self._as_it_was)
    if self._reuses then
      if i > 1 then chunk[i - 1] = self._as_it_was end
      chunk[i] = copies.of(chunk[i])
    end
    self._first, self._as_it_was = nil, nil
  end
end

local function pull_some(self, chunk, most)
  local pull = self.single and pull_whole or pull_lists
  local count = 0
  while self._reuses ~= false and count < most do
    if pull(self._tasks, chunk, count, count + 1) == count then return count end
    count = count + 1
    watch(self, chunk, count)
  end
  return pull(self._tasks, chunk, count, most)
end

-- The source counts as ended while the iterator runs, so that one which
-- raised is not called again.
local function take_iterated(self, n)
  local chunk, count = {}, 0
  if not self._ended then
    local most = math.min(n, self._limit - self.taken)
    self._ended = true
    count = pull_some(self, chunk, most)
    self.taken = self.taken + count
    self._ended = count < most or self.taken == self._limit
    if self._ended then self.length = self.taken end
  end
  chunk.n = count
  return chunk, 1, count
end

--- The next tasks, at most n: those at list[first] … list[first + count - 1].
--- The list is the user's own when tasks came as a plain list, so it must
--- not be changed; else it is fresh. A count of 0 says that no task is left.
---@param n integer
---@return table list
---@return integer first
---@return integer count
function Source:take(n)
  return self._take(self, n)
end

--- The next tasks, at most n, always in a fresh list with its length in n.
---@param n integer
---@return table list
function Source:take_copy(n)
  local list, first, count = self:take(n)
  if list ~= self._tasks then return list end
  return (copied(list, first, count))
end

--- The next numbers of a range, at most n.
---@param n integer
---@return integer first_value
---@return integer step
---@return integer count
function Source:take_range(n)
  assert(self.kind == "range", "not a range")
  local tasks, taken = self._tasks, self.taken
  local step, left = tasks._step, self.length - taken
  if n > left then n = left end
  self.taken = taken + n
  return tasks._first + taken * step, step, n
end

local WANTED = "tasks must be a list, a range or an iterator function"

local function refusal(tasks)
  local remark = ""
  if math.type(tasks) == "integer" then
    remark = format(" (did you mean workerpool.range(%d)?)", tasks)
  end
  return nil, format("%s, got %s%s", WANTED,
    tasks == nil and "nil" or "a " .. type(tasks), remark)
end

-- The length of a plain list. A record in place of a list would be no tasks
-- at all; better to say so than to do nothing.
local function checked_length(t)
  local n = rawget(t, "n")
  if n ~= nil then
    local length = type(n) == "number" and tointeger(n)
    if length and length >= 0 then return length end
    return nil, format("%s; the field n must be a length, got %s", WANTED, kinds.got(n))
  end
  local length = #t
  if length == 0 and next(t) ~= nil then
    return nil, format("%s, got a table without [1] and n: %s", WANTED, kinds.got(t))
  end
  return length
end

local function list_parts(tasks)
  local length, message = checked_length(tasks)
  if not length then return nil, message end
  return { kind = "list", length = length, _take = take_list, is_plain = true }
end

-- A float range is read through its own arithmetic: adding the step to the
-- first number of each chunk would let the last bits depend on the chunks.
local function range_parts(tasks)
  local integers = math.type(tasks._first) == "integer"
  return {
    kind = integers and "range" or "list", length = #tasks, _take = take_object, is_plain = true,
  }
end

local function object_parts(tasks)
  local length = tointeger(#tasks)
  if not length or length < 0 then
    return nil, format("%s; the length of the object is %s", WANTED, kinds.got(#tasks))
  end
  return { kind = "list", length = length, _take = take_object }
end

local function parts_of(tasks)
  if range.is_range(tasks) then
    return range_parts(tasks)
  elseif type(tasks) == "function" then
    return { kind = "iterator", _take = take_iterated }
  elseif type(tasks) ~= "table" and type(tasks) ~= "userdata" then
    return refusal(tasks)
  elseif metamethod(tasks, "__len") then
    return object_parts(tasks)
  elseif metamethod(tasks, "__call") then
    return { kind = "iterator", _take = take_iterated }
  elseif type(tasks) == "table" then
    return list_parts(tasks)
  end
  return refusal(tasks)
end

--- The source of the given tasks. Raises on anything else; `level` counts as
--- in error(), 1 (the default) is the line that calls new.
---@param tasks any
---@param iterable_len? integer take no more than this
---@param level? integer
---@param title? string what to call the call in messages
---@return workerpool.Source
local function new(tasks, iterable_len, level, title)
  local whole = is_single(tasks)
  if whole then tasks = inner(tasks) end
  local source, message = parts_of(tasks)
  if not source then
    error((title or "map") .. ": " .. message, (level or 1) + 1)
  end
  source._tasks, source.single, source.taken = tasks, whole, 0
  if source.kind == "iterator" then
    source.length = iterable_len
    source._limit = iterable_len or math.maxinteger
    source._ended = iterable_len == 0
  elseif iterable_len and iterable_len < source.length then
    source.length = iterable_len
  end
  source._ended = source._ended or false
  return setmetatable(source, Source)
end

return {
  new = new,
  single = single,
  count_arguments = count_arguments,
  is_record = is_record,
}
