-- Puts numbered items back in order.
--
-- Chunks of results come back as workers finish them. Each covers the tasks
-- from first to first + count - 1; put takes them in any order, pop gives
-- them in the order of their tasks. What came too early waits here. How much
-- may wait is for whoever feeds the workers to decide: see flow.lua.

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
  self._next = first + count
  return item, first, count
end

--- An empty order that begins with task 1.
---@return workerpool.Order
local function new()
  return setmetatable({ _items = {}, _counts = {}, _next = 1 }, Order)
end

return { new = new }
