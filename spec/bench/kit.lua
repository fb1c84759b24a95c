--[[
What the cases are made of; they get it as `...`. A case is a table:

  place, name, title, unit   where it stands; what `unit` of it a time is for
  ours, plain, commands      contenders by label: f(count, values) -> seconds for
                             that many units, and figures to be told besides. A
                             `checksum` among them must be the same for all.
                             Peers have theirs under peers/, bare.c has its own
  rows                       { label, values, most, fixed, without }: what is given
                             to the contenders; `without`: labels that sit out
  most, fixed                units of a round at most; exactly so many
  weight, rounds             of the usual length of a round; rounds at most
  only                       the only contenders besides ours
  targets                    see targets.lua
  serial                     whose time is a contender's speed-up's: see race.lua
  extras                     { key, text, format, scale } of figures told besides
  plot                       { key, axis, per }: a picture of growth by that value
  tiny, tiny_most, full      values of tiny and of full runs
]]

local workerpool = require "workerpool"
local core = require "workerpool.core"

local kit = {
  workerpool = workerpool,
  core = core,
  WorkerPool = workerpool.WorkerPool,
  range = workerpool.range,
  now = core.now,
  meter = require "meter",
}

-- The task that does nothing.
function kit.same(x) return x end

-- Seconds of f(...), and what it returned.
function kit.seconds(f, ...)
  local began = core.now()
  local result = f(...)
  return core.now() - began, result
end

-- A pool whose workers have started and have seen some tasks.
function kit.warm_pool(options)
  options = options or {}
  options.n_jobs = options.n_jobs or 2
  options.keep_alive = true
  local pool = kit.WorkerPool(options)
  -- A set of worker ids or shared objects changes what a task gets.
  pool:map(function() end, kit.range(2000))
  pool:map(function() end, kit.range(2 * options.n_jobs), { chunk_size = 1 })
  return pool
end

-- The most private memory that a child of this process has, in bytes.
function kit.private_of_workers()
  local most = 0
  for _, pid in ipairs(kit.meter.children()) do most = math.max(most, kit.meter.private(pid)) end
  return most
end

-- All cases of a folder, in the order of their files.
function kit.cases(folder)
  local list = {}
  local pipe <close> = assert(io.popen(("ls '%s'/*.lua"):format(folder)))
  for path in pipe:lines() do
    local case = assert(loadfile(path))(kit)
    case.file = path
    list[#list + 1] = case
  end
  table.sort(list, function(a, b) return a.place < b.place end)
  return list
end

return kit
