-- The moments at which a signal may come: programs that say when they have
-- got there, and what it takes to watch them end.
--
-- A program and all that descends from it carry a mark in their environment,
-- so that nothing which it leaves behind escapes notice, orphans included.

local helper = require "spec.support.helper"
local lfs = require "lfs"

-- A sanitizer that looks for leaks stops all threads for it, and complains when
-- the next signal comes in between.
local NO_LEAKS = (os.getenv("ASAN_OPTIONS") or "") .. ":detect_leaks=0"

local moments = {}

local PREAMBLE = [[
  local workerpool = require "workerpool"
  local core = require "workerpool.core"
  local WorkerPool, range = workerpool.WorkerPool, workerpool.range
  -- Says that this process has got where the signal is to find it.
  local function reached()
    io.open(os.getenv("REACHED") .. "/" .. core.getpid(), "w"):close()
  end
  local function wait() reached() core.sleep(100) end
  local function same(...) return ... end
]]

-- ---- one program under way ------------------------------------------------------

local Host = {}
Host.__index = Host

local function numbers_in(dir)
  local found = {}
  for name in lfs.dir(dir) do found[#found + 1] = tonumber(name) end
  return found
end

local n_started = 0

-- Starts a Lua program as the leader of a process group, as a shell does.
-- `interpreter` is helper.lua or { helper.host, "run" }.
function moments.start(source, interpreter, options)
  options = options or {}
  n_started = n_started + 1
  local dir = helper.tmpdir()
  local path = helper.write(dir .. "/program.lua", PREAMBLE .. source)
  local reached = dir .. "/reached"
  lfs.mkdir(reached)
  local words = { "setsid", "env", "--default-signal=INT,QUIT" }
  for _, word in ipairs(options.before or {}) do words[#words + 1] = word end
  for _, word in ipairs(type(interpreter) == "table" and interpreter or { interpreter }) do
    words[#words + 1] = word
  end
  words[#words + 1] = path
  local mark = ("%d-%d"):format(helper.pid(), n_started)
  local program = helper.start(words, {
    env = { SIGNALS_MARK = mark, REACHED = reached, ASAN_OPTIONS = NO_LEAKS }, timeout = options.timeout,
  })
  return setmetatable({
    program = program, pid = program.pid, dir = reached, mark = "SIGNALS_MARK=" .. mark .. "\0",
  }, Host)
end

-- Waits until `n` processes have got there.
function Host:reach(n)
  local came = helper.eventually(function() return #numbers_in(self.dir) >= n end, 20)
  assert(came, "the program did not get there: " .. (self.program:stderr() or ""))
  return numbers_in(self.dir)
end

function Host:signal(name) self.program:kill(name) end

function Host:signal_group(name)
  os.execute(("kill -s %s -- -%d 2>/dev/null"):format(name, self.pid))
end

function Host:wait(seconds)
  local result = self.program:wait(seconds or 20)
  assert(result and not result.timed_out, "it goes on")
  return result
end

-- What still runs of it, but for those who only wait for it.
function Host:descendants()
  local found = {}
  for name in lfs.dir("/proc") do
    local environ = name:find("^%d+$") and helper.read("/proc/" .. name .. "/environ")
    if environ and environ:find(self.mark, 1, true) then
      local command = (helper.read("/proc/" .. name .. "/cmdline") or ""):gsub("%z", " ")
      if not command:find("^timeout ") and not command:find("^sh ") and command ~= "" then
        found[#found + 1] = name .. " " .. command
      end
    end
  end
  return found
end

-- True, or what is still there.
function Host:all_gone()
  local left
  helper.eventually(function()
    left = self:descendants()
    return #left == 0
  end, 10)
  return #left == 0 or table.concat(left, ", ")
end

-- ---- the moments -------------------------------------------------------------------

-- Each has a source, and the number of processes that say "reached".
moments.all = {
  ["a map whose tasks sleep"] = { 3, [[
    local pool = WorkerPool { n_jobs = 3 }
    pool:map(wait, range(30), { chunk_size = 1 })]] },
  ["a map whose tasks loop in Lua"] = { 3, [[
    local pool <close> = WorkerPool { n_jobs = 3 }
    pool:map(function() reached() while true do end end, range(30), { chunk_size = 1 })]] },
  ["a map whose tasks are stuck in C"] = { 2, [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(function() reached() string.find(("a"):rep(1e5), ".-.-.-.-b$") end, range(9),
      { chunk_size = 1 })]] },
  ["a map whose tasks were stopped by SIGSTOP"] = { 2, [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(function() reached() os.execute("kill -STOP $PPID") end, range(9),
      { chunk_size = 1 })]] },
  ["a map whose tasks swallow errors"] = { 2, [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(function() while true do pcall(wait) end end, range(9),
      { chunk_size = 1, retries = 9, on_error = "collect" })]] },
  ["a map in a coroutine"] = { 2, [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    local map = coroutine.wrap(function() pool:map(wait, range(9), { chunk_size = 1 }) end)
    map()]] },
  ["a map with a callback as its progress bar"] = { 2, [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(wait, range(9), { chunk_size = 1, progress_bar = function() end })]] },
  ["map_unordered over an endless iterator"] = { 2, [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map_unordered(function(x) if x < 9 then reached() end end,
      function() return math.random(100) end)]] },
  ["an iterator that computes"] = { 1, [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(same, function() reached() while true do end end)]] },
  ["a lazy loop that waits"] = { 3, [[
    local pool <close> = WorkerPool { n_jobs = 3, keep_alive = true }
    for _ in pool:imap(wait, range(30), { chunk_size = 1 }) do print("never") end]] },
  ["a lazy loop whose body computes"] = { 1, [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    for _ in pool:imap(same, range(30)) do reached() while true do end end]] },
  ["a lazy loop whose body sleeps"] = { 1, [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    for _ in pool:imap_unordered(same, range(1e9)) do wait() core.sleep(100) end]] },
  ["apply_async, and the host computes"] = { 4, [[
    local pool <close> = WorkerPool { n_jobs = 3 }
    for _ = 1, 9 do pool:apply_async(wait) end
    reached()
    while true do end]] },
  ["get"] = { 3, [[
    local pool <close> = WorkerPool { n_jobs = 3 }
    local results = {}
    for i = 1, 9 do results[i] = pool:apply_async(wait) end
    results[1]:get()]] },
  ["idle workers that are kept"] = { 3, [[
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    pool:map(reached, range(2), { chunk_size = 1 })
    while pool:map(reached, range(2), { chunk_size = 1 }).n < 2 do end
    pool:map(function() core.sleep(0.1) reached() end, range(2), { chunk_size = 1 })
    wait()
    core.sleep(100)]] },
  ["worker_init"] = { 3, [[
    local pool <close> = WorkerPool { n_jobs = 3 }
    pool:map(same, range(30), { worker_init = wait })]] },
  ["worker_exit"] = { 2, [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(function(x) core.sleep(0.05) return x end, range(4),
      { chunk_size = 1, worker_exit = wait })]] },
  ["stop_and_join, which waits for tasks"] = { 2, [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    for _ = 1, 4 do pool:apply_async(wait) end
    pool:stop_and_join()]] },
  ["the end of a block, which waits for tasks"] = { 2, [[
    do
      local pool <close> = WorkerPool { n_jobs = 2 }
      for _ = 1, 4 do pool:apply_async(wait) end
    end]] },
  ["the end of a loop that was left"] = { 1, [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    for _ in pool:imap(same, range(1e6)) do break end
    wait()
    core.sleep(100)]] },
  ["workers that start"] = { 20, [[
    while true do
      local pool <close> = WorkerPool { n_jobs = 8 }
      pool:map(reached, range(8), { chunk_size = 1 })
    end]] },
  ["workers that replace each other"] = { 3, [[
    local pool <close> = WorkerPool { n_jobs = 3 }
    pool:map(function() reached() core.sleep(0.01) end, range(10000),
      { chunk_size = 1, worker_lifespan = 1 })]] },
  ["a forkserver that starts"] = { 3, [[
    while true do
      local pool <close> = WorkerPool { n_jobs = 2, start_method = "forkserver" }
      pool:map(function()
        io.open(os.getenv("REACHED") .. "/" .. require("workerpool.core").getpid(), "w"):close()
      end, range(2), { chunk_size = 1 })
    end]] },
  ["workers of a forkserver"] = { 2, [[
    local pool <close> = WorkerPool { n_jobs = 2, start_method = "forkserver" }
    pool:map(wait, range(9), { chunk_size = 1 })]] },
  ["workers that were executed"] = { 2, [[
    local pool <close> = WorkerPool { n_jobs = 2, start_method = "spawn" }
    pool:map(wait, range(9), { chunk_size = 1 })]] },
  ["nested pools"] = { 4, [[
    local pool <close> = WorkerPool { n_jobs = 2, daemon = false }
    pool:map(function()
      local inner <close> = WorkerPool { n_jobs = 2 }
      inner:map(wait, range(9), { chunk_size = 1 })
    end, range(2), { chunk_size = 1 })]] },
  ["two pools at once"] = { 4, [[
    local a <close> = WorkerPool { n_jobs = 2 }
    local b <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    for _ = 1, 4 do a:apply_async(wait) end
    b:map(wait, range(9), { chunk_size = 1 })]] },
  ["a pool without workers"] = { 1, [[
    local pool <close> = WorkerPool { n_jobs = 0 }
    pool:map(function() reached() while true do end end, range(9), { on_error = "collect" })]] },
  ["a shared queue that stays empty"] = { 1, [[
    local queue = workerpool.Queue(3)
    reached()
    queue:get()]] },
}

return moments
