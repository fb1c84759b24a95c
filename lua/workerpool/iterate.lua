-- The loop over a lazy call: `for index, results... in pool:imap(...)`.
--
-- The generic for takes four values: the function, two that we do not need,
-- and one that is closed when the loop is left in any way. The call begins
-- at the first step, so that a loop which is never entered starts nothing.

local unpack = table.unpack

local Loop = { __name = "workerpool.Loop" }
Loop.__index = Loop

-- The run must go when nobody can ask for its results any more.
function Loop:__gc() self:close() end
function Loop:__close(thrown) self:close(thrown) end

function Loop:close(thrown)
  self.ended = true
  local run = self.run
  if run and not run.over then run:abandon(nil, thrown) end
end

-- The next chunk, or nil when all are handed out.
function Loop:advance()
  local run = self.run
  if not run then run = self:begin() end
  run:check_going()
  -- Whoever asks for the next chunk has been handed all of the last one.
  if self.chunk then run.active = run.active - self.chunk.count end
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

function Loop:step()
  local chunk, position = self.chunk, self.position
  if not chunk or position == chunk.count then
    if self.ended then return nil end
    chunk, position = self:advance(), 0
    self.chunk = chunk
    if not chunk then return nil end
  end
  position = position + 1
  self.position = position
  local lists = chunk.lists
  local count = lists.counts and lists.counts[position]
  if count then
    return chunk.first + position - 1, values_of(lists, position, count)
  end
  return chunk.first + position - 1, lists[1][position]
end

--- Returns the four values of a generic for.
---@param begin fun(loop: table): table starts the call, puts it into loop.run
local function loop(begin)
  local self = setmetatable({ begin = begin, position = 0 }, Loop)
  return function() return self:step() end, nil, nil, self
end

return { loop = loop }
