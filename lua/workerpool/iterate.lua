-- The loop over a lazy call: `for index, results... in pool:imap(...)`.
--
-- The generic for takes four values: the function, two that we do not need,
-- and one that is closed when the loop is left in any way. The call begins
-- at the first step, so that a loop which is never entered starts nothing.

local unpack = table.unpack

local Loop = { __name = "workerpool.Loop" }
Loop.__index = Loop

-- An error ends the call, also where somebody catches it and asks for more: what
-- raised it (the caller's iterator or a function of the caller's) has left the call
-- in the midst of something. A call that could not begin may begin later.
local Ending = {}
function Ending.__close(ending, thrown)
  if thrown ~= nil and ending.loop.run then ending.loop:close(thrown) end
end

-- The run must go when nobody can ask for its results any more.
function Loop:__gc() self:close() end
function Loop:__close(thrown) self:close(thrown) end

function Loop:close(thrown)
  self.ended = true
  local run = self.run
  if run and not run.over then run:abandon(nil, thrown) end
end

-- The next chunk, or nil when all are handed out. Whoever asks for it has been
-- handed all of the last one, which had `handed` tasks.
function Loop:advance(handed)
  if self.ended then return nil end
  local _ <close> = self.ending
  local run = self.run
  if not run then run = self:begin() end
  run:check_going()
  run.active = run.active - handed
  local chunk = run.sink:pop(run)
  if chunk then
    run:feed() -- room has come free
    return chunk
  end
  while run:step() do
    chunk = run.sink:pop(run)
    if chunk then return chunk end
  end
  chunk = run.sink:pop(run)
  if chunk then return chunk end
  return self:finish()
end

function Loop:finish()
  self.ended = true
  local err = self.run:finish()
  if err then error(err, 0) end
  return nil
end

local function values_of(lists, position, count)
  local values = {}
  for k = 1, count do values[k] = lists[k][position] end
  return unpack(values, 1, count)
end

-- What is called for each result, so all it needs is at hand.
local function stepper(self)
  local before, lists, results, counts -- of the chunk at hand
  local position, last = 0, 0
  return function()
    if position == last then
      local chunk = self:advance(last)
      if not chunk then return nil end
      before, lists = chunk.first - 1, chunk.lists
      results, counts = lists[1], lists.counts
      position, last = 0, chunk.count
    end
    position = position + 1
    local count = counts and counts[position]
    if count then return before + position, values_of(lists, position, count) end
    return before + position, results[position]
  end
end

--- Returns the four values of a generic for.
---@param begin fun(loop: table): table starts the call, puts it into loop.run
local function loop(begin)
  local self = setmetatable({ begin = begin, ending = setmetatable({}, Ending) }, Loop)
  self.ending.loop = self
  return stepper(self), nil, nil, self
end

return { loop = loop }
