-- What is counted (see instructions.lua, which starts this under valgrind, in
-- the interpreter of callgrind.c). Prints a line for each count:
--
--   name TAB column TAB what the count is to be divided by
--
-- The collector stands still: its work is Lua's, and where it falls depends on
-- what was before. Each case runs some times before it is counted, so that
-- buffers and tables have their size.

local callgrind = require "callgrind"
local core = require "workerpool.core"

local folder, wanted = ...
local documents = dofile(folder .. "/codec_documents.lua")
local has_cjson, cjson = pcall(require, "cjson")
if has_cjson then cjson.encode_sparse_array(true) end

local codec = core.codec()
local LEAST_VALUES, MOST_BYTES = 2000, 1 << 22 -- in one count

-- Tables count, keys do not.
local function values_in(value)
  if type(value) ~= "table" then return 1 end
  local n = 1
  for _, item in pairs(value) do n = n + values_in(item) end
  return n
end

local function run(times, f, a, b, ...)
  if select("#", ...) > 0 then
    for _ = 1, times do f(a, b, ...) end
  elseif b ~= nil then
    for _ = 1, times do f(a, b) end
  else
    for _ = 1, times do f(a) end
  end
end

local function count(name, column, values, bytes, f, ...)
  local times = math.min(LEAST_VALUES // values, MOST_BYTES // bytes) + 1
  run(3, f, ...)
  collectgarbage()
  run(1, f, ...)
  callgrind.zero()
  run(times, f, ...)
  callgrind.dump(("%s\t%s\t%d"):format(name, column, times * values))
end

local function count_document(name, value, with_cjson)
  local values, bytes = values_in(value), codec:encode(value)
  count(name, "encode", values, #bytes, codec.encode, codec, value)
  count(name, "decode", values, #bytes, codec.decode, codec, bytes)
  if not with_cjson then return end
  count(name, "cjson encode", values, #bytes, cjson.encode, value)
  count(name, "cjson decode", values, #bytes, cjson.decode, (cjson.encode(value)))
end

-- A chunk of trivial tasks, as with `n_jobs = 0`: the parcel is written, run by
-- the loop that a worker has, and its results are read.
local TASKS = 1000

local function handler(failure) return failure end
local function identity(a, b) return a, b end
local function first(a) return a end

local function count_tasks(name, write, f)
  local options = { count = TASKS }
  write()
  local parcel = core.output(codec)
  local results = core.run(codec, parcel, options, handler, math.randomseed, f)
  count(name, "write", TASKS, 1, write)
  count(name, "run", TASKS, 1, core.run, codec, parcel, options, handler, math.randomseed, f)
  count(name, "read", TASKS, 1, function()
    core.read_results(codec, results, TASKS, 1, { core.list(TASKS) }, {})
  end)
end

local function range(start, step)
  return function() core.write_range(codec, start, step) end
end

local function list(item)
  local items = {}
  for i = 1, TASKS do items[i] = item(i) end
  return function() core.write_tasks(codec, items, 1, TASKS, false) end
end

local tasks = {
  { "integers of a range", range(1, 1), first },
  { "floats of a range", range(0.5, 1), first },
  { "integers of a list", list(function(i) return i * 7 end), first },
  { "strings of a list", list(function(i) return "item " .. i end), first },
  { "pairs of a list", list(function(i) return { i, i / 3 } end), identity },
  { "records of a list", list(function(i) return { id = i, name = "item " .. i } end), first },
  { "no result", range(1, 1), function() end },
}

collectgarbage "stop"
for _, document in ipairs(documents) do
  if document.name:find(wanted, 1, true) then
    count_document(document.name, document.make(), has_cjson and document.cjson ~= false)
  end
end
for _, task in ipairs(tasks) do
  if task[1]:find(wanted, 1, true) then count_tasks(table.unpack(task)) end
end
