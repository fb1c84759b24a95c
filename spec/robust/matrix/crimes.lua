-- The matrix, the worker's side: functions that do what faults.lua names.
-- Workers of every start method find this module by its name, so what is sent
-- to them is the name of a fault.

local core = require "workerpool.core"
local misdeeds = require "misdeeds"
local worker = require "workerpool.worker"

local crimes = {}

local SIGNALS = { SIGKILL = 9, SIGSEGV = 11, SIGSTOP = 19 }

-- With large frames, for which Lua needs less time than for many small ones.
local function overflow(...) return 1 + overflow(1, ...) end

-- More than memory_limit, of pages that are touched.
local function devour()
  local parts = {}
  for i = 1, 1000 do parts[i] = ("x"):rep((1 << 22) - i) end
  return parts
end

local commit = {
  abort = misdeeds.abort,
  ["os.exit(0)"] = function() os.exit(0) end,
  ["os.exit(3)"] = function() os.exit(3) end,
  error = function() error("it went wrong") end,
  ["error that cannot travel"] = function() error({ coroutine.create(print) }) end,
  ["result that cannot travel"] = function() return coroutine.create(print) end,
  ["out of memory"] = devour,
  ["stack overflow"] = overflow,
  ["endless loop in Lua"] = function() while true do end end,
  ["endless loop in C"] = function() string.find(("a"):rep(1e5), ".-.-.-.-b$") end,
  ["descriptors closed"] = function() misdeeds.close(0, 20) end,
  -- The child of a thread is the host's, so the thread waits for it.
  ["fork and return"] = function()
    misdeeds.fork(worker.current().link:is_thread())
  end,
}

for name, number in pairs(SIGNALS) do
  commit[name] = function()
    misdeeds.kill(core.getpid(), number)
    core.sleep(number == SIGNALS.SIGSTOP and 0 or 60)
  end
end

function crimes.commit(name) return commit[name]() end

-- ---- tasks --------------------------------------------------------------------

-- What a task that has done nothing wrong returns.
function crimes.right(x) return x * 10 end

--- The guilty task commits the fault; what it returns then is as it should be,
--- unless the fault is in the result.
function crimes.task(x, guilty, name)
  local result
  if x == guilty then result = crimes.commit(name) end
  return result or crimes.right(x)
end

-- ---- objects that do harm on their way ------------------------------------------

-- Where we are: a process, and a Lua state in it.
function crimes.here()
  return core.getpid() .. tostring(package.loaded)
end

-- Commits the fault where it is read, unless that is where it was made: the
-- host reads arguments again to describe them.
local Ambush = {}
Ambush.__workerpool_pack = function(self) return self.fault, self.from end
Ambush.__workerpool_unpack = function(fault, from)
  if crimes.here() ~= from then crimes.commit(fault) end
  return setmetatable({ fault = fault, from = from }, Ambush)
end
crimes.Ambush = Ambush

function crimes.ambush(fault)
  return setmetatable({ fault = fault, from = crimes.here() }, Ambush)
end

-- Commits the fault while it is written.
local Trap = {}
Trap.__workerpool_pack = function(self) return crimes.commit(self.fault) or true end
Trap.__workerpool_unpack = function() return setmetatable({}, Trap) end
crimes.Trap = Trap

--- The guilty task's result is large, and does harm behind its first part.
function crimes.large_task(x, guilty, name)
  if x ~= guilty then return crimes.right(x) end
  return crimes.right(x), ("large "):rep(50000), setmetatable({ fault = name }, Trap)
end

--- As crimes.task, for a guilty task whose argument has done it already.
function crimes.read_task(x) return crimes.right(x) end

-- ---- init and exit ----------------------------------------------------------------

--- Of the calls of this function in all workers of a pool, the one with this
--- number commits the fault.
function crimes.count_and_commit(count, number, name)
  if count:add(1) == number then return crimes.commit(name) end
end

-- ---- a large result that waits for the host ---------------------------------------

function crimes.stuck_task(flag, bytes)
  flag.value = 1
  return ("r"):rep(bytes)
end

return crimes
