--[[
A small test runner: tests run on all cores, and of what they print only that of
failing ones is shown.

  workerpool run examples/testrunner.lua [FILE...]

A test file returns a table of functions by name. Every test is a task of its own,
so one that crashes or hangs fails alone, and what it printed before is there.
Without a file it runs a few tests of its own, of which two fail.
]]

local workerpool = require "workerpool"

local SECONDS = 10 -- for a test

local SAMPLE = [[
local tests = {}

function tests.upper_case()
  print "this is not shown: the test passes"
  assert(("abc"):upper() == "ABC")
end

function tests.sorted()
  local list = { 3, 1, 2 }
  print("sorting", table.concat(list, " "))
  table.sort(list, function(a, b) return a > b end)
  print("sorted ", table.concat(list, " "))
  assert(list[1] == 1, "the smallest comes first")
end

function tests.survives()
  print "about to call C code that crashes"
  os.execute "kill -SEGV $PPID; sleep 1"
end

return tests
]]

local function sample_file()
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  file:write(SAMPLE)
  return path
end

-- In the host for the names, in a worker for the functions.
local loaded = {}
local function tests_of(path)
  loaded[path] = loaded[path] or assert(loadfile(path))()
  return loaded[path]
end

-- All tests of all files as { path, name }, in the order of their names.
local function collect(paths)
  local tasks = {}
  for _, path in ipairs(paths) do
    local names = {}
    for name in pairs(tests_of(path)) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do tasks[#tasks + 1] = { path, name } end
  end
  return tasks
end

local function run_test(path, name)
  tests_of(path)[name]()
  return true
end

local function indented(text)
  return (text:gsub("[^\n]+", "    %0"):gsub("\n$", ""))
end

local function report(name, err)
  print(("FAIL %s\n  %s"):format(name, err.message))
  if err.output then print("  it printed:\n" .. indented(err.output)) end
end

local function main(paths)
  local tasks, failed = collect(paths), 0
  local pool <close> = workerpool.WorkerPool { output = "capture" }
  local results = pool:map(run_test, tasks, {
    on_error = "collect", task_timeout = SECONDS, chunk_size = 1, progress_bar = true,
  })
  for i, task in ipairs(tasks) do
    if workerpool.is_error(results[i]) then
      failed = failed + 1
      report(task[2], results[i])
    end
  end
  print(("%d passed, %d failed"):format(#tasks - failed, failed))
  return failed == 0
end

local sample = not ... and sample_file()
local ok = main(sample and { sample } or { ... })
if sample then os.remove(sample) end
os.exit(ok)
