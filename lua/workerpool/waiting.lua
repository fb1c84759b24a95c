-- Tasks that are to be tried again, by when they are due; what is due at the same
-- time goes in the order in which it came. A binary heap (Williams, "Algorithm 232:
-- Heapsort", Communications of the ACM 7, 1964): where all tasks of a long call fail,
-- a list that is kept sorted takes time by the square of their number.

---@class workerpool.Waiting
---@field n integer tasks in it; the first that is due is at 1
local Waiting = { __name = "workerpool.Waiting" }
Waiting.__index = Waiting

local function is_before(a, b)
  if a.due ~= b.due then return a.due < b.due end
  return a.arrival < b.arrival
end

--- Takes a task, whose field `due` is a number.
---@param task table its field `arrival` is set
function Waiting:put(task)
  self.arrivals = self.arrivals + 1
  task.arrival = self.arrivals
  local at = self.n + 1
  self.n = at
  while at > 1 and is_before(task, self[at // 2]) do
    self[at] = self[at // 2]
    at = at // 2
  end
  self[at] = task
end

-- The earlier one of the two below, or nil.
local function earlier_below(self, at)
  local left, right = 2 * at, 2 * at + 1
  if left > self.n then return nil end
  return right <= self.n and is_before(self[right], self[left]) and right or left
end

--- The first that is due, which is no more in it, or nil.
---@return table?
function Waiting:pop()
  local first, last = self[1], self[self.n]
  if not first then return nil end
  self[self.n] = nil
  self.n = self.n - 1
  if first == last then return first end
  local at, below = 1, earlier_below(self, 1)
  while below and is_before(self[below], last) do
    self[at] = self[below]
    at, below = below, earlier_below(self, below)
  end
  self[at] = last
  return first
end

---@return workerpool.Waiting
local function new()
  return setmetatable({ n = 0, arrivals = 0 }, Waiting)
end

return { new = new }
