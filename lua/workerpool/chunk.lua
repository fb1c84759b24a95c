-- chunk_tasks: tasks cut into lists, by the sources and sizes that a pool has.

local options = require "workerpool.options"
local sizer = require "workerpool.sizer"
local source = require "workerpool.source"

--- Cuts tasks into lists. For the generic for:
--- `for chunk in chunk_tasks(list, { chunk_size = 10 }) do … end`. Sizes may
--- be fractional: n_splits = 3 over 10 gives 4, 3, 3. Each chunk is a fresh
--- list with its length in n. The mark of `single` is lost: elements are
--- handed out as they are.
---@param tasks any a list, a range, an object or an iterator
---@param opts { chunk_size?: number, n_splits?: integer, iterable_len?: integer }
---@return fun(): table?
local function chunk_tasks(tasks, opts)
  local checked = options.check("chunk", opts, 2)
  if not checked.chunk_size and not checked.n_splits then
    error("chunk_tasks: give chunk_size or n_splits", 2)
  end
  local from = source.new(tasks, checked.iterable_len, 2, "chunk_tasks")
  local sizes = sizer.new {
    chunk_size = checked.chunk_size, n_splits = checked.n_splits,
    length = from.length, level = 2, title = "chunk_tasks",
  }
  return function()
    if from:exhausted() then return nil end
    local chunk = from:take_copy(sizes:next(from:remaining()))
    if chunk.n > 0 then return chunk end
  end
end

return { chunk_tasks = chunk_tasks }
