--[[
A job queue: jobs that lead to more jobs, as in a crawler or a dependency
scan. Here: which files does a C file include, directly or not?

  workerpool run examples/jobqueue.lua [file [include folder]...]

Each worker takes jobs from a Queue that all share and puts the new ones that
it finds. `seen`, a Dict, lets each file in once. `open` counts the jobs which
have been put and are not done: who brings it to 0 closes the queue, and so
ends the loops of all. A worker that fails leaves its job open, and all the
others would wait for ever; so then the host closes the queue.
]]

local workerpool = require "workerpool"

local first = ... or "/usr/include/stdio.h"
local folders = { select(2, ...) }
if #folders == 0 then folders = { "/usr/include", "/usr/include/x86_64-linux-gnu" } end

local shared = {
  jobs = workerpool.Queue(10000),
  seen = workerpool.Dict { capacity = 10000 },
  open = workerpool.Value("i", 0),
  folders = folders,
}

local function put(s, path)
  if not s.seen:add(path, true) then return end
  s.open:add(1)
  s.jobs:put(path)
end

local function find(s, name)
  for _, folder in ipairs(s.folders) do
    local path = folder .. "/" .. name
    local file = io.open(path)
    if file then
      file:close()
      return path
    end
  end
end

-- Runs in a worker: a loop over jobs, until there are none.
local function scan(s)
  local n = 0
  for path in s.jobs:each() do
    for line in io.lines(path) do
      local name = line:match('^%s*#%s*include%s*[<"]([^>"]+)[>"]')
      local found = name and find(s, name)
      if found then put(s, found) end
    end
    n = n + 1
    if s.open:add(-1) == 0 then s.jobs:close() end
  end
  return n
end

local file = io.open(first)
if not file then
  io.stderr:write("jobqueue: cannot read ", first, "\n")
  os.exit(1)
end
file:close()

-- Called while the host waits below, for a crash, too.
local failure
local function give_up(err)
  failure = failure or err
  shared.jobs:close()
end

put(shared, first)
workerpool.with({ shared_objects = shared }, function(pool)
  local workers = {}
  for i = 1, pool.n_jobs do
    workers[i] = pool:apply_async(scan, nil, { error_callback = give_up })
  end
  for _, worker in ipairs(workers) do worker:wait() end
end)
if failure then
  io.stderr:write("jobqueue: ", failure.message, "\n")
  os.exit(1)
end

local paths = shared.seen:keys()
table.sort(paths)
for _, path in ipairs(paths) do print(path) end
print(("%s needs %d files"):format(first, #paths - 1))
