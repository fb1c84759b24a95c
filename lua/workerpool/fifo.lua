-- A queue: first in, first out, each in the same time however many there are. The
-- first is at queue[queue.first], nil when there is none. An interrupt between any two
-- instructions leaves it whole.

---@class workerpool.Fifo
---@field first integer
---@field last integer
local Fifo = { __name = "workerpool.Fifo" }
Fifo.__index = Fifo

---@param item any not nil
function Fifo:put(item)
  local last = self.last + 1
  self[last] = item
  self.last = last
end

--- Takes the first one, or nil.
function Fifo:pop()
  local first = self.first
  local item = self[first]
  if item == nil then return nil end
  if self.last < first then self.last = first end -- its put was interrupted
  self.first = first + 1
  self[first] = nil
  return item
end

---@return workerpool.Fifo
local function new() return setmetatable({ first = 1, last = 0 }, Fifo) end

return { new = new }
