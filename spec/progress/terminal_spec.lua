-- What people see: these specs read the screen of a real terminal emulator.
-- timeout: 180

local helper = require "spec.support.helper"

-- A server for each test: one that is ending refuses new sessions.
local server, n_servers

local function tmux(arguments)
  return helper.run("tmux -L " .. server .. " -f /dev/null " .. arguments)
end

-- A terminal of 80 by 20 that runs a Lua program.
local function terminal(source)
  local path = helper.tmpdir() .. "/program.lua"
  helper.write(path, source)
  n_servers = (n_servers or 0) + 1
  server = ("workerpool-spec-%d-%d"):format(helper.pid(), n_servers)
  local line = ("LC_ALL=C.UTF-8 %s run %s; echo status $?; sleep 60")
    :format(helper.host, path)
  tmux("new-session -d -x 80 -y 20 " .. helper.quote(line))
end

local function screen()
  local lines = {}
  for line in tmux("capture-pane -p").stdout:gmatch("([^\n]*)\n") do
    lines[#lines + 1] = line
  end
  return lines
end

-- The screen once any line matches.
local function screen_with(pattern, seconds)
  local lines
  helper.eventually(function()
    lines = screen()
    return table.concat(lines, "\n"):find(pattern)
  end, seconds or 20)
  return lines
end

local PREAMBLE = [[
  local workerpool = require "workerpool"
  local core = require "workerpool.core"
  local function nap(x) core.sleep(0.02) return x end
]]

describe("the progress bar on a terminal", function()
  helper.guard()
  after_each(function() tmux("kill-server") end)

  it("shows description, percentage, blocks, count, times and rate", function()
    terminal(PREAMBLE .. [[
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      pool:map(nap, workerpool.range(100), { progress_bar = true,
        progress_bar_options = { desc = "bake", unit = "file" } })
      print("after")]])
    local lines = screen_with("status 0")
    assert.matches("^bake: 100%%|.+| 100/100 %[%d%d:%d%d<00:00, [%d.]+file/s%]", lines[1])
    assert.are.equal("after", lines[2])
  end)

  it("moves while long tasks run and before any result has come back", function()
    terminal(PREAMBLE .. [[
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      pool:map(function() core.sleep(3) end, { 1, 2 }, { progress_bar = true })]])
    assert.matches("00:01", screen_with("0/2 %[00:01")[1])
  end)

  it("counts what workers have done while the caller's loop is slow", function()
    terminal(PREAMBLE .. [[
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      for i in pool:imap(function(x) return x end, workerpool.range(8),
          { progress_bar = true, chunk_size = 1 }) do
        if i == 2 then core.sleep(0.5) end
        if i == 3 then core.sleep(1) end
      end]])
    local lines = screen_with("[345678]/8")
    assert.matches("/8", lines[1])
    assert.matches("8/8", screen_with("8/8")[1])
  end)

  it("shows a count when the length is unknown", function()
    terminal(PREAMBLE .. [[
      local n = 0
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      pool:map(nap, function() n = n + 1 return n <= 40 and n or nil end,
        { progress_bar = true })]])
    assert.matches("40/40", screen_with("status 0")[1])
  end)

  it("says how many failed", function()
    terminal(PREAMBLE .. [[
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      pool:map(function(x) if x % 10 == 0 then error("no") end end,
        workerpool.range(50), { progress_bar = true, on_error = "collect" })]])
    assert.matches("50/50 .*5 failed", screen_with("status 0")[1])
  end)

  it("ends cleanly on an error and says so", function()
    terminal(PREAMBLE .. [[
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      pcall(pool.map, pool, function(x) nap(x) if x == 10 then error("no") end end,
        workerpool.range(50), { progress_bar = true })
      print("after")]])
    local lines = screen_with("status 0")
    assert.matches("stopped: task error", lines[1])
    assert.are.equal("after", lines[2])
  end)

  it("says that it was interrupted or timed out", function()
    terminal(PREAMBLE .. [[
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      pcall(pool.map, pool, function() core.sleep(60) end, { 1, 2 },
        { progress_bar = true, task_timeout = 0.3 })
      pcall(pool.map, pool, nap, workerpool.range(5000), { progress_bar = true })
      print("after")]])
    assert.matches("stopped: timeout", screen_with("timeout")[1])
    screen_with("/5000")
    tmux("send-keys C-c")
    local lines = screen_with("status")
    assert.matches("stopped: interrupted", lines[2])
    assert.are.equal("after", lines[3])
  end)

  -- The thread sanitizer has a thread of its own in workers, of which a pool warns.
  local has_thread = helper.sanitized == "thread"
  if not has_thread then it("draws nested bars on their own lines and leaves the cursor below", function()
    terminal(PREAMBLE .. [[
      local function dispatch(id, n)
        local inner <close> = workerpool.WorkerPool { n_jobs = 2 }
        return inner:map(nap, workerpool.range(n), { progress_bar = true,
          progress_bar_options = { position = id + 1, desc = "inner " .. id } }).n
      end
      local pool <close> = workerpool.WorkerPool {
        n_jobs = 2, daemon = false, pass_worker_id = true, order_tasks = true }
      pool:map(dispatch, { 50, 50, 50, 50 }, { progress_bar = true, chunk_size = 1,
        progress_bar_options = { desc = "main" } })
      print("after")]])
    local lines = screen_with("status 0")
    assert.matches("^main: 100%%|.+| 4/4 ", lines[1])
    assert.matches("^inner 0: 100%%|.+| 50/50 ", lines[2])
    assert.matches("^inner 1: 100%%|.+| 50/50 ", lines[3])
    assert.are.equal("after", lines[4])
  end) end

  it("stays below what workers print, whole lines of both streams", function()
    terminal(PREAMBLE .. [[
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      pool:map(function(x)
        nap(x)
        if x % 10 == 0 then
          io.write("out ")
          nap()
          print(x)
          io.stderr:write("err ", x, "\n")
        end
      end, workerpool.range(40), { progress_bar = true, chunk_size = 1 })
      print("after")]])
    local lines = screen_with("status 0")
    local printed = table.concat(lines, "\n", 1, 8)
    for _, x in ipairs { 10, 20, 30, 40 } do
      assert.matches("out " .. x .. "\n", printed .. "\n", 1, true)
      assert.matches("err " .. x .. "\n", printed .. "\n", 1, true)
    end
    assert.matches("40/40", lines[9])
    assert.are.equal("after", lines[10])
  end)

  it("follows the width of the terminal", function()
    terminal(PREAMBLE .. [[
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      pool:map(nap, workerpool.range(150), { progress_bar = true })]])
    screen_with("/150")
    tmux("resize-window -x 50 -y 20")
    local lines = screen_with("status 0")
    local last
    for _, line in ipairs(lines) do
      if line:find("150/150", 1, true) then last = line end
    end
    assert.is_true(utf8.len(last) <= 50)
  end)
end)

describe("the progress bar elsewhere", function()
  helper.guard()

  local function run(options)
    return helper.run { helper.lua, "-e", ([[
      local workerpool = require "workerpool"
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      pool:map(function(x) return x end, workerpool.range(1000), { %s })]]):format(options) }
  end

  it("writes nothing when standard error is no terminal", function()
    local result = run("progress_bar = true")
    assert.are.same({ "", "" }, { result.stdout, result.stderr })
  end)

  it("writes plain lines into a file that was asked for", function()
    local result = run("progress_bar = true, progress_bar_options = { file = io.stdout }")
    assert.matches("1000/1000", result.stdout)
    assert.is_nil(result.stdout:find("\27", 1, true))
    assert.is_nil(result.stdout:find("\r", 1, true))
  end)

  it("style 'none' writes nothing and style 'plain' lines", function()
    assert.are.equal("", run("progress_bar = true, progress_bar_options = "
      .. "{ file = io.stdout, style = 'none' }").stdout)
    assert.matches("1000/1000", run("progress_bar = true, progress_bar_options = "
      .. "{ style = 'plain' }").stderr)
  end)

  it("options are checked before any work", function()
    local result = run("progress_bar = true, progress_bar_options = { dsc = 'x' }")
    assert.are.equal(1, result.status)
    assert.matches("unknown option 'dsc' %(did you mean 'desc'%?%)", result.stderr)
  end)
end)

describe("progress callbacks", function()
  helper.guard()
  local workerpool = require "workerpool"

  it("are told at most every mininterval, and at the end with done == total", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
    local seen = {}
    local core = require "workerpool.core"
    pool:map(function() core.sleep(0.02) end, workerpool.range(40), {
      progress_bar = function(p) seen[#seen + 1] = { p.done, p.total, core.now() } end,
      progress_bar_options = { mininterval = 0.1 },
    })
    local last = seen[#seen]
    assert.are.same({ 40, 40 }, { last[1], last[2] })
    for i = 2, #seen - 1 do
      assert.is_true(seen[i][3] - seen[i - 1][3] >= 0.09)
      assert.is_true(seen[i][1] >= seen[i - 1][1])
    end
  end)

  it("may be an object with update and close", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
    local closed
    local object = {
      update = function(self, p) self.done = p.done end,
      close = function(self, p) closed = { self.done, p.done, p.total } end,
    }
    pool:map(function(x) return x end, workerpool.range(10), { progress_bar = object })
    assert.are.same({ 10, 10, 10 }, closed)
  end)

  it("an error in one ends the map and names it", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
    local ok, message = pcall(pool.map, pool, function(x) return x end, workerpool.range(10),
      { progress_bar = function() error("my bar", 0) end })
    assert.is_false(ok)
    assert.matches("my bar", message)
    assert.are.same({ 1, n = 1 }, pool:map(function(x) return x end, { 1 }))
  end)

  it("a map inside one is refused by name", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
    local ok, message = pcall(pool.map, pool, function(x) return x end, workerpool.range(10),
      { progress_bar = function() pool:map(tostring, { 1 }) end })
    assert.is_false(ok)
    assert.matches("this pool is running map", message)
  end)
end)
