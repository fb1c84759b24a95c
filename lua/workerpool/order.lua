-- Puts numbered items back in order.
--
-- Chunks of results come back as workers finish them. Each covers the tasks
-- from first to first + count - 1; put takes them in any order, pop gives
-- them in the order of their tasks. What came too early waits here, and the
-- number of waiting tasks is known, so that whoever feeds the workers can
-- stop when the window is full: one slow task must not let the results of a
-- million others pile up.

---@class workerpool.Order
local Order = { __name = "workerpool.order" }
Order.__index = Order

--- Takes an item that covers `count` tasks from number `first` on. The same
--- task twice is a mistake of the caller and raises.
---@param first integer
---@param count integer at least 1
---@param item any not nil
function Order:put(first, count, item)
  assert(item ~= nil, "an item is needed")
  assert(count >= 1, "an item covers at least one task")
  assert(first >= self._next and not self._counts[first], "a task came twice")
  self._items[first], self._counts[first] = item, count
  self._held = self._held + count
end

--- The next item in order, its first task and the number of its tasks; nil
--- while that item has not come.
---@return any item
---@return integer? first
---@return integer? count
function Order:pop()
  local first = self._next
  local item = self._items[first]
  if item == nil then return nil end
  local count = self._counts[first]
  self._items[first], self._counts[first] = nil, nil
  self._held = self._held - count
  self._next = first + count
  return item, first, count
end

--- Number of tasks that came and were not popped.
---@return integer
function Order:held()
  return self._held
end

--- The task whose item pop waits for.
---@return integer
function Order:awaited()
  return self._next
end

--- How many more tasks the window takes; never below 0. Results that are on
--- their way are taken all the same: the window is for whoever sends more.
---@return integer
function Order:room()
  return math.max(0, self._window - self._held)
end

--- Is the window full?
---@return boolean
function Order:full()
  return self._held >= self._window
end

--- Forgets all that is held, and goes on with task `first`.
---@param first? integer 1 unless given
function Order:reset(first)
  self._items, self._counts = {}, {}
  self._held, self._next = 0, first or 1
end

--- An empty order that begins with task `first`.
---@param window? integer tasks that may wait; no bound unless given
---@param first? integer 1 unless given
---@return workerpool.Order
local function new(window, first)
  local order = setmetatable({ _window = window or math.maxinteger }, Order)
  order:reset(first)
  return order
end

return { new = new }
