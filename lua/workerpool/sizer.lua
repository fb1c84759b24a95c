-- How many tasks the next chunk should have.
--
-- Fixed: when chunk_size or n_splits is given. Sizes may be fractional: the
-- k-th chunk ends at the k-th multiple, rounded up, so 2.5 gives 3, 2, 3, 2.
--
-- Adaptive: else. A chunk should cost about TARGET seconds of work: enough
-- that the fixed cost of a message (some 50 microseconds) disappears, little
-- enough that a change in the tasks is noticed soon. Nothing is known at
-- first, so it starts at one task and grows only as far as chunks that have
-- been *seen* allow. Near a known end each worker gets at most half of its
-- share of the rest, so that a slow last chunk holds up nobody.

local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local tointeger = math.tointeger

local TARGET = 0.004 -- seconds of work in one chunk
local MOST = 65536 -- tasks in one chunk, when adaptive
local FORGET = 0.5 -- how fast slower times are forgotten once tasks are faster
local SMALL = 64 -- chunks below this say little, so growth is careful
local CAREFUL, QUICK = 4, 16 -- growth over the largest chunk seen lately

-- Fixed sizes ---------------------------------------------------------------------

---@class workerpool.Sizer
local Fixed = { __name = "workerpool.sizer.fixed" }
Fixed.__index = Fixed

-- Rounding errors must not add a task to a chunk that ends on a whole number.
local SLACK = 1e-9

-- A size such as 1e300 stands for "all in one".
local function whole(x)
  return x < 2 ^ 53 and ceil(x - SLACK) or math.maxinteger
end

function Fixed:next(remaining)
  local from = self._end
  if from == math.maxinteger then return max(1, remaining or from) end
  self._k = self._k + 1
  self._end = whole(self._k * self._size)
  local n = self._end - from
  if remaining and n > remaining then n = remaining end
  return max(1, n)
end

-- Nothing is learned: the caller has decided.
function Fixed.observe() end

-- The most common of all, a whole number, is asked for once a task with
-- chunk_size = 1.
---@class workerpool.Sizer
local Constant = { __name = "workerpool.sizer.constant", observe = Fixed.observe }
Constant.__index = Constant

function Constant:next(remaining)
  local n = self._size
  if not remaining or remaining >= n then return n end
  return max(1, remaining)
end

local function fixed(size)
  if tointeger(size) then return setmetatable({ _size = tointeger(size) }, Constant) end
  return setmetatable({ _size = size, _k = 0, _end = 0 }, Fixed)
end

-- So many chunks: each has its share, and the rest of the division is spread. The
-- k-th ends at the k-th part of the whole, rounded up; `_over` is how far above
-- that the last one ended, in parts of a task. A product could overflow.
---@class workerpool.Sizer
local Split = { __name = "workerpool.sizer.split", observe = Fixed.observe }
Split.__index = Split

function Split:next(remaining)
  local n, rest = self._share, self._rest
  if self._over >= rest then
    self._over = self._over - rest
  else
    n, self._over = n + 1, self._over + (self._splits - rest)
  end
  if remaining and n > remaining then n = remaining end
  return max(1, n)
end

local function split(splits, length)
  splits = max(1, min(splits, length))
  return setmetatable({
    _splits = splits, _share = length // splits, _rest = length % splits, _over = 0,
  }, Split)
end

-- Adaptive sizes --------------------------------------------------------------------

---@class workerpool.Sizer
local Adaptive = { __name = "workerpool.sizer.adaptive" }
Adaptive.__index = Adaptive

--- The size of the next chunk. `remaining` is the number of tasks not yet
--- handed out, nil when unknown.
---@param remaining? integer
---@return integer at least 1
function Adaptive:next(remaining)
  local n = self._size
  if remaining and remaining <= n * self._halves then
    n = (remaining - 1) // self._halves + 1
  end
  return n > 0 and n or 1
end

--- Tells how long the tasks of one chunk ran, all together. Slower times count
--- at once, faster ones only by and by: a chunk that is too large holds up the
--- whole run, one that is too small costs microseconds.
---@param count integer
---@param elapsed number seconds
function Adaptive:observe(count, elapsed)
  if count < 1 or elapsed ~= elapsed then return end
  local time, before, seen = elapsed > 0 and elapsed / count or 0, self._task_time, self._seen
  if before and time < before then time = before + FORGET * (time - before) end
  if count > seen then seen = count end
  local size = seen * (seen < SMALL and CAREFUL or QUICK)
  if size > MOST then size = MOST end
  if size * time > TARGET then size = max(1, floor(TARGET / time)) end
  self._task_time, self._size = time, size
  -- After a shrink the old large chunks prove nothing about the new tasks.
  self._seen = size < seen and size or seen
end

local function adaptive(n_jobs)
  return setmetatable({
    _size = 1, _seen = 1, _task_time = nil, _halves = 2 * max(1, n_jobs or 1),
  }, Adaptive)
end

--- The policy for one call. chunk_size wins over n_splits, which needs a
--- length (else this raises, at `level` as in error()).
---@param opts table chunk_size, n_splits, length, n_jobs; level and title for the message
---@return workerpool.Sizer
local function new(opts)
  if opts.chunk_size then return fixed(opts.chunk_size) end
  if not opts.n_splits then return adaptive(opts.n_jobs) end
  if not opts.length then
    error((opts.title or "map") .. ": n_splits needs a length: give iterable_len, or chunk_size",
      (opts.level or 1) + 1)
  end
  return split(opts.n_splits, opts.length)
end

return { new = new, TARGET = TARGET, MOST = MOST }
