-- How much of a map call may be under way: enough to keep the workers busy while
-- the host computes, and so little that memory stays the same however many tasks
-- there are, however slow the caller's loop is, and whatever a task weighs.

local core = require "workerpool.core"
local mixin = require "workerpool.mixin"
local sizer = require "workerpool.sizer"

local ceil, max = math.ceil, math.max

-- Chunks in flight for each worker: one that runs and one that waits, or as
-- many as make this many seconds of work. A worker that runs dry has to be
-- woken, which costs some 50 microseconds; see docs/architecture.md.
local LEAST_DEPTH, MOST_DEPTH, DEPTH_SECONDS = 2, 128, 0.002
local SHORT = DEPTH_SECONDS / (MOST_DEPTH - 1) -- seconds of a chunk that asks for the most
-- Chunks sent and not yet handed to the caller, for each worker: how far an
-- ordered iterator may run ahead of a slow task.
local WINDOW = 64
local MOST_PARCELS = core.limits.new_parcels -- of all calls of a pool
-- What all of that may weigh: a chunk, by its arguments or its results; what
-- is on its way; and results that are here and not yet handed to the caller.
-- The least depth is allowed whatever it weighs.
local CHUNK_BYTES, FLIGHT_BYTES, OPEN_BYTES = 1 << 20, 1 << 24, 1 << 24
local VALUE_BYTES = 16 -- of the least value in a list

local Flow = {}

function Flow:begin_flow()
  local opts, source = self.opts, self.source
  self.sizer = sizer.new {
    chunk_size = opts.chunk_size, n_splits = opts.n_splits,
    length = source.length, n_jobs = self.n_workers,
  }
  self.is_sized = opts.chunk_size ~= nil or opts.n_splits ~= nil
  self.depth = LEAST_DEPTH * self.n_workers
  self.open_bytes = 0 -- of results that are here and not yet handed over
  self.argument_bytes, self.result_bytes = 0, 0 -- of one task, lately
end

-- More counts at once, less only by and by.
local function smoothed(old, new)
  return new >= old and new or old + 0.25 * (new - old)
end

--- A chunk has been sent whose tasks have so many bytes each.
function Flow:note_sent(bytes)
  self.argument_bytes = smoothed(self.argument_bytes, bytes)
end

--- Results have come in; returns what they weigh.
---@return number bytes
function Flow:note_received(bytes, count)
  bytes = bytes + VALUE_BYTES * count
  self.result_bytes = smoothed(self.result_bytes, bytes / count)
  return bytes
end

-- Short chunks mean that more of them must be on their way.
function Flow:adapt(count, elapsed)
  self.sizer:observe(count, elapsed)
  local depth = elapsed <= SHORT and MOST_DEPTH
    or max(LEAST_DEPTH, ceil(DEPTH_SECONDS / elapsed) + 1)
  self.depth = depth * self.n_workers
end

--- Does all that is on its way weigh so much that it is to be no more than the
--- least depth?
---@return boolean
function Flow:is_heavy()
  local tasks = self.next_index - 1 - self.completed
  return tasks * (self.argument_bytes + self.result_bytes) >= FLIGHT_BYTES
end

-- How many more chunks may be on their way.
function Flow:free_depth()
  local depth = self:is_heavy() and LEAST_DEPTH * self.n_workers or self.depth
  local free, parcels = depth - self.in_flight, MOST_PARCELS - self.crew.engine:pending()
  return free < parcels and free or parcels
end

--- Can nothing more be on its way, also no task that is tried again?
---@return boolean
function Flow:is_full()
  return self:free_depth() <= 0
end

--- Room for new tasks, in chunks and in tasks. It changes while chunks are sent
--- only when what is under way becomes heavy.
---@return integer chunks
---@return integer tasks
function Flow:room()
  if self.open_bytes >= OPEN_BYTES then return 0, 0 end
  local window = WINDOW * self.n_workers - self.open_chunks - self.in_flight
  local depth, most = self:free_depth(), self.opts.max_tasks_active
  return window < depth and window or depth, most and most - self.active or math.maxinteger
end

--- The size of the next chunk. What the caller has set, by chunk_size or
--- n_splits, is not ours to change.
---@return integer
function Flow:next_size()
  local source = self.source
  local size = self.sizer:next(source.length and source.length - source.taken)
  if self.is_sized then return size end
  local bytes, results = self.argument_bytes, self.result_bytes
  if results > bytes then bytes = results end
  if size * bytes <= CHUNK_BYTES then return size end
  return max(1, CHUNK_BYTES // bytes | 0)
end

-- Gives a class of calls these methods. It has the fields opts, source, crew,
-- n_workers, in_flight, open_chunks, next_index, completed and active.
return mixin(Flow)
