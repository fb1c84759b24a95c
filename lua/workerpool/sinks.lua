-- Where a map call's results go. Three ways to keep them, one interface:
--
--   read(run, index, count) takes the results of an event; returns
--     the number of failures, which it leaves in run.failures by index
--   place(run, index, value) puts a value where a failed task's result
--     would have been
--   withhold(run, index) forgets a failed task, which comes again
--   lazy: a task counts as active until the caller has been handed it

local core = require "workerpool.core"
local fifo = require "workerpool.fifo"
local order = require "workerpool.order"

local unpack = table.unpack

-- Chunks come in any order. A list without places keeps what comes too early
-- in its hash part, and moves it later: 310 instructions a result, with places
-- 160.
local function with_places(lists, run)
  if not lists[1] then lists[1] = core.list(run.source.length) end
  return lists
end

-- ---- map: lists, each result at its task's number -----------------------------

local Lists = {}
Lists.__index = Lists

function Lists.new()
  return setmetatable({ lists = {} }, Lists)
end

function Lists:read(run, index)
  local lists = self.lists
  if not lists[1] then with_places(lists, run) end
  return run.crew.engine:read(run.crew.reader, index, lists, run.failures)
end

function Lists:place(run, index, value)
  with_places(self.lists, run)[1][index] = value
end

function Lists.withhold() end

function Lists:results(n)
  self.lists[1] = self.lists[1] or {}
  for _, list in ipairs(self.lists) do list.n = n end
  return unpack(self.lists)
end

-- ---- map_unordered: lists, each result where it comes --------------------------

local Pile = {}
Pile.__index = Pile

function Pile.new()
  return setmetatable({ lists = {}, n = 0, holes = {}, tasks = {} }, Pile)
end

-- Failed tasks leave holes for now; place and withhold know them by index, and
-- what is in a hole by its position.
function Pile:read(run, index, count)
  local base = self.n + 1
  self.n = self.n + count
  local found, lists = {}, with_places(self.lists, run)
  local failed = run.crew.engine:read(run.crew.reader, base, lists, found)
  if failed > 0 then
    for position, err in pairs(found) do
      local task = index + position - base
      self.holes[task], self.tasks[position] = position, task
      run.failures[task] = err
    end
  end
  return failed
end

-- Where the hole of a task was, if it has one.
function Pile:close_hole(index)
  local position = self.holes[index]
  if not position then return nil end
  self.holes[index], self.tasks[position] = nil, nil
  return position
end

function Pile:place(run, index, value)
  local position = self:close_hole(index)
  if not position then
    self.n = self.n + 1
    position = self.n
  end
  with_places(self.lists, run)[1][position] = value
end

-- The last result, which may be a hole too, moves into this one.
function Pile:withhold(_, index)
  local position, last = self:close_hole(index), self.n
  if not position then return end
  self.n = last - 1
  for _, list in ipairs(self.lists) do
    list[position], list[last] = list[last], nil
  end
  local task = self.tasks[last]
  if not task then return end
  self.holes[task], self.tasks[last], self.tasks[position] = position, nil, task
end

function Pile:results()
  self.lists[1] = self.lists[1] or {}
  for _, list in ipairs(self.lists) do list.n = self.n end
  return unpack(self.lists)
end

-- ---- iterators: chunks, kept until they are asked for ---------------------------

local Chunks = { lazy = true }
Chunks.__index = Chunks

-- In completion order a queue will do.
function Chunks.new(in_order)
  return setmetatable({ in_order = in_order, buffer = (in_order and order or fifo).new() }, Chunks)
end

function Chunks:keep(run, first, count, lists, bytes)
  run.open_chunks = run.open_chunks + 1
  run.open_bytes = run.open_bytes + bytes
  local chunk = { first = first, count = count, lists = lists, bytes = bytes }
  if self.in_order then return self.buffer:put(first, count, chunk) end
  self.buffer:put(chunk)
end

-- A chunk with failures is taken apart, for its parts may come at different
-- times.
function Chunks:read(run, index, count)
  local lists = { {} }
  local failed, bytes = run.crew.engine:read(run.crew.reader, 1, lists, self)
  bytes = run:note_received(bytes, count)
  if failed == 0 then
    self:keep(run, index, count, lists, bytes)
    return 0
  end
  local first = 1
  for position = 1, count do
    local err = self[position]
    if err ~= nil then
      self[position] = nil
      run.failures[index + position - 1] = err
      self:keep_part(run, index, lists, first, position - 1, bytes / count)
      first = position + 1
    end
  end
  self:keep_part(run, index, lists, first, count, bytes / count)
  return failed
end

function Chunks:keep_part(run, index, lists, first, last, bytes_each)
  if first > last then return end
  local part, counts = {}, lists.counts
  for k, list in ipairs(lists) do
    part[k] = table.move(list, first, last, 1, {})
  end
  if counts then part.counts = table.move(counts, first, last, 1, {}) end
  local count = last - first + 1
  self:keep(run, index + first - 1, count, part, count * bytes_each)
end

function Chunks:place(run, index, value)
  self:keep(run, index, 1, { { value } }, 0)
end

function Chunks.withhold() end

-- The next chunk that may be handed out.
function Chunks:pop(run)
  local chunk = self.buffer:pop()
  if chunk then
    run.open_chunks = run.open_chunks - 1
    run.open_bytes = run.open_bytes - chunk.bytes
  end
  return chunk
end

return { Lists = Lists, Pile = Pile, Chunks = Chunks }
