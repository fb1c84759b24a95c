-- A queue: first in, first out, each in the same time however many there are. The
-- first is at queue[queue.first], nil when there is none.

---@class workerpool.Fifo
---@field first integer
---@field last integer
local Fifo = { __name = "workerpool.Fifo" }
Fifo.__index = Fifo

---@param item any not nil
function Fifo:put(item)
  self.last = self.last + 1
  self[self.last] = item
end

--- Takes the first one, or nil.
function Fifo:pop()
  local item = self[self.first]
  if item == nil then return nil end
  self[self.first] = nil
  self.first = self.first + 1
  return item
end

---@return workerpool.Fifo
local function new() return setmetatable({ first = 1, last = 0 }, Fifo) end

return { new = new }
