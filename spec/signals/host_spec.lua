-- What a host, its workers and the programs that they start make of signals.
-- timeout: 240

local helper = require "spec.support.helper"
local moments = require "spec.signals.moments"

local PROGRAM = { helper.host, "run" }

-- The first one has a block closed that takes its time.
local SLOW_ENDING = [[
  local slow <close> = setmetatable({}, { __close = function()
    io.open(os.getenv("REACHED") .. "/99", "w"):close()
    while true do core.sleep(100) end
  end })
  local pool <close> = WorkerPool { n_jobs = 2 }
  pool:map(wait, range(9), { chunk_size = 1 })]]

describe("the library", function()
  helper.guard()

  for _, method in ipairs { "fork", "forkserver", "spawn", "threading" } do
    it("installs no handler, blocks and ignores nothing: " .. method, function()
      local host = moments.start(([[
        local function signals()
          local file <close> = io.open("/proc/self/status")
          -- But for the two that the C library has for itself, for threads.
          return (file:read("a"):match("SigBlk.-SigCgt:%%s*%%x+"):gsub("%%x%%x%%x+", function(mask)
            return ("%%x"):format(tonumber(mask, 16) & ~0x180000000)
          end))
        end
        local before, during = signals()
        do
          local pool <close> = WorkerPool { n_jobs = 2, start_method = %q }
          for i, x in pool:imap(function(x) return x end, range(9)) do
            assert(i == x)
            during = signals()
          end
          pool:apply_async(function() os.exit(1) end)
        end
        print(during == before, signals() == before)]]):format(method), helper.lua)
      assert.are.equal("true\ttrue\n", host:wait().stdout)
    end)
  end
end)

describe("Ctrl-C", function()
  helper.guard()

  for _, method in ipairs { "fork", "forkserver", "spawn" } do
    it("is heard by the programs that tasks have started: " .. method, function()
      local host = moments.start(([[
        local pool <close> = WorkerPool { n_jobs = 2, start_method = %q }
        pool:map(function()
          os.execute('echo >"$REACHED/$$"; exec sleep 100')
        end, range(2), { chunk_size = 1 })]]):format(method), PROGRAM)
      host:reach(2)
      host:signal_group("INT")
      assert.are.equal(130, host:wait().status)
      assert.is_true(host:all_gone())
    end)
  end

  it("leaves tasks alone when the host catches it and goes on", function()
    if helper.sanitized then return end -- that interpreter does not make an error of it
    local host = moments.start([[
      local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
      local results = {}
      for i = 1, 2 do
        results[i] = pool:apply_async(function()
          reached()
          local deadline = core.now() + 0.5
          while core.now() < deadline do end
          return core.getpid()
        end)
      end
      local ok, message = pcall(results[1].get, results[1])
      print(ok, message:match("interrupted!"))
      print(math.type(results[1]:get()), math.type(results[2]:get()))]], helper.lua)
    host:reach(2)
    host:signal_group("INT")
    assert.are.equal("false\tinterrupted!\ninteger\tinteger\n", host:wait().stdout)
    assert.is_true(host:all_gone())
  end)

  for _, pair in ipairs { { "INT", "INT", 130 }, { "TERM", "TERM", 143 }, { "INT", "TERM", 143 } } do
    it(("ends a slow ending: SIG%s, then SIG%s"):format(pair[1], pair[2]), function()
      local host = moments.start(SLOW_ENDING, PROGRAM)
      host:reach(2)
      host:signal(pair[1])
      host:reach(3)
      host:signal(pair[2])
      assert.are.equal(pair[3], host:wait().status)
      assert.is_true(host:all_gone())
    end)
  end

  it("waits for nobody: workers that were stopped by SIGSTOP while idle", function()
    local host = moments.start([[
      local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
      pool:map(function() reached() core.sleep(0.2) end, range(2), { chunk_size = 1 })
      wait()]], PROGRAM)
    local pids = host:reach(3)
    for _, pid in ipairs(pids) do
      if pid ~= host.pid then os.execute("kill -STOP " .. pid) end
    end
    host:signal_group("INT")
    assert.are.equal(130, host:wait().status)
    os.execute("kill -CONT " .. table.concat(pids, " ") .. " 2>/dev/null")
    assert.is_true(host:all_gone())
  end)

  it("is ignored by a program that was started with it ignored", function()
    local host = moments.start([[
      local pool <close> = WorkerPool { n_jobs = 2 }
      print(pool:map(function(x) reached() core.sleep(0.5) return x end, range(2), { chunk_size = 1 })[2])
      ]], PROGRAM, { before = { "env", "--ignore-signal=INT" } })
    host:reach(2)
    host:signal_group("INT")
    assert.are.same({ 0, "2\n" }, { host:wait().status, host.program:stdout() })
  end)
end)

describe("a signal that nobody handles", function()
  helper.guard()

  for _, name in ipairs { "HUP", "QUIT", "PIPE", "USR1" } do
    it("ends the program and its workers: SIG" .. name, function()
      local numbers = { HUP = 1, QUIT = 3, PIPE = 13, USR1 = 10 }
      local host = moments.start([[
        local pool <close> = WorkerPool { n_jobs = 3 }
        pool:map(wait, range(30), { chunk_size = 1 })]], PROGRAM)
      host:reach(3)
      host:signal(name)
      assert.are.equal(128 + numbers[name], host:wait().status)
      assert.is_true(host:all_gone())
    end)
  end

  it("SIGTERM to all of a group is the host's 143, and no crash of a worker", function()
    local host = moments.start([[
      local pool <close> = WorkerPool { n_jobs = 3 }
      pool:map(wait, range(30), { chunk_size = 1 })]], PROGRAM)
    host:reach(3)
    host:signal_group("TERM")
    local result = host:wait()
    assert.are.same({ 143, "" }, { result.status, result.stderr })
    assert.is_true(host:all_gone())
  end)
end)

describe("the first process of a container", function()
  helper.guard()

  -- Without the rights for one there is nothing to be seen.
  if not os.execute("unshare --pid --fork --kill-child true 2>/dev/null") then return end

  local function in_container(source)
    return moments.start(source, PROGRAM, {
      before = { "unshare", "--pid", "--fork", "--kill-child" } })
  end

  -- The program's pid as seen from here: unshare waits for it.
  local function first_of(host)
    local child
    helper.eventually(function()
      child = helper.children(host.pid)[1]
      return child
    end)
    return child
  end

  it("ends by the first signal", function()
    local host = in_container [[
      local pool <close> = WorkerPool { n_jobs = 2 }
      pool:map(wait, range(9), { chunk_size = 1 })]]
    host:reach(2)
    os.execute("kill -INT " .. first_of(host))
    assert.are.equal(130, host:wait().status)
    assert.is_true(host:all_gone())
  end)

  it("ends at once by the second, though the kernel spares it what it does not handle", function()
    local host = in_container(SLOW_ENDING)
    host:reach(2)
    local first = first_of(host)
    os.execute("kill -INT " .. first)
    host:reach(3)
    os.execute("kill -INT " .. first)
    assert.are.equal(130, host:wait().status)
    assert.is_true(host:all_gone())
  end)
end)

describe("a pipe that nobody reads any more", function()
  helper.guard()

  local WORKERS_PRINT = [[
    local workerpool = require "workerpool"
    local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
    pool:map(function(x)
      for i = 1, 20000 do print("task", x, i) end
    end, workerpool.range(20), { chunk_size = 1 })]]

  it("ends a program whose workers print, quietly", function()
    local path = helper.write(helper.tmpdir() .. "/program.lua", WORKERS_PRINT)
    local result = helper.run(("{ %s run %s; echo $? >&2; } | head -n 1"):format(helper.host, path))
    assert.are.same({ "141\n" }, { result.stderr })
    assert.are.equal(1, select(2, result.stdout:gsub("\n", "")))
  end)

  it("ends workerpool map whose tasks print, quietly", function()
    local result = helper.run(("{ seq 3000 | %s map 'print(x)'; echo $? >&2; } | head -n 1"):format(
      helper.host))
    assert.are.same({ "141\n" }, { result.stderr })
  end)

  it("another pipe is a task's own affair, and told", function()
    local path = helper.write(helper.tmpdir() .. "/program.lua", [[
      local pool <close> = require("workerpool").WorkerPool { n_jobs = 1 }
      pool:apply(function()
        local pipe = io.popen("exec true", "w")
        while pipe:write(("x"):rep(100000)) do end
      end)]])
    local result = helper.run { helper.host, "run", path }
    assert.are.equal(1, result.status)
    assert.matches("died from SIGPIPE", result.stderr)
  end)
end)
