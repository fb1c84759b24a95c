-- Traps that other pools of processes have fallen into, as their issue lists
-- tell: what a host does, suffers, or is when it starts. What happens in
-- workers is in peers_spec.lua.
-- timeout: 240

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool
local lfs = require "lfs"

local PREAMBLE = [[
  local workerpool = require "workerpool"
  local core = require "workerpool.core"
  local WorkerPool, range = workerpool.WorkerPool, workerpool.range
  local function same(...) return ... end
]]

-- A file with this Lua program; DIR in it is a folder for the notes of tasks.
local function program(source)
  local dir = helper.tmpdir()
  local head = ("local DIR = %q\n"):format(dir)
    .. "local function here() io.open(DIR .. '/' .. require('workerpool.core').getpid(), 'w'):close() end\n"
  return helper.write(helper.tmpdir() .. "/program.lua", head .. PREAMBLE .. source), dir
end

local function pids_in(dir)
  local pids = {}
  for name in lfs.dir(dir) do pids[#pids + 1] = tonumber(name) end
  return pids
end

-- The processes that have left a note, once there are `n` of them.
local function noted(dir, n)
  assert(helper.eventually(function() return #pids_in(dir) >= n end, 20), "no workers came")
  return pids_in(dir)
end

local function all_gone(pids)
  return helper.eventually(function()
    for _, pid in ipairs(pids) do
      local state = helper.state(pid)
      if state and state ~= "Z" then return false end
    end
    return true
  end, 10)
end

-- ---- how a host starts -------------------------------------------------------------

-- It opens its file last: until then a descriptor that is closed stays so.
local A_BIT_OF_ALL = [[
  local words = {}
  local function say(word) words[#words + 1] = tostring(word) end
  do
    local pool <close> = WorkerPool { n_jobs = 2 }
    say(pool:map(function(x) print(x) return x * x end, range(50))[50])
    local ok, err = pcall(pool.map, pool, function(x) if x == 3 then error("no", 0) end end, range(5))
    say(err.message)
    ok, err = pcall(pool.map, pool, function()
      os.execute("kill -KILL " .. core.getpid())
      core.sleep(60)
    end, { 1 })
    say(ok) say(err.kind) say(err.task_index)
    local pipe = io.popen("echo piped")
    say(pipe:read("l"))
    pipe:close()
    say(pool:apply(same, { 5 }))
    local kept <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    say(kept:map(same, range(9))[9])
    say(kept:map(same, range(8), { worker_lifespan = 1 })[8])
  end
  local out = assert(io.open(DIR .. "/out", "w"))
  out:write(table.concat(words, " "))
  out:close()
]]
local ALL_WELL = "2500 no false crash 1 piped 5 9 8"

describe("a host", function()
  helper.guard()

  local function started(words)
    local path, dir = program(A_BIT_OF_ALL)
    local command = {}
    for _, word in ipairs(words) do command[#command + 1] = word end
    command[#command + 1] = helper.lua
    command[#command + 1] = path
    local result = helper.run(command, { timeout = 30 })
    assert.is_nil(result.timed_out)
    return helper.read(dir .. "/out"), result
  end

  it("of the usual kind", function()
    assert.are.equal(ALL_WELL, (started {}))
  end)

  it("that ignores SIGCHLD, so that its children vanish unheard", function()
    local out, result = started { "env", "--ignore-signal=CHLD" }
    assert.are.equal(ALL_WELL, out, result.stderr)
  end)

  it("that ignores SIGPIPE and SIGTERM", function()
    local out, result = started { "env", "--ignore-signal=PIPE,TERM,HUP,INT" }
    assert.are.equal(ALL_WELL, out, result.stderr)
  end)

  it("that starts with every signal blocked", function()
    local out, result = started { "env", "--block-signal" }
    assert.are.equal(ALL_WELL, out, result.stderr)
  end)

  it("whose descriptors 0 to 2 are closed", function()
    local path, dir = program(A_BIT_OF_ALL)
    local result = helper.run(("exec 0<&- 1>&- 2>&-; exec %s %s"):format(
      helper.lua, helper.quote(path)), { timeout = 30 })
    assert.is_nil(result.timed_out)
    assert.are.equal(ALL_WELL, helper.read(dir .. "/out"))
  end)

  it("one of whose descriptors 0 to 2 is closed", function()
    for fd = 0, 2 do
      local path, dir = program(A_BIT_OF_ALL)
      local result = helper.run(("exec %d<&-; exec %s %s"):format(
        fd, helper.lua, helper.quote(path)), { timeout = 30 })
      assert.is_nil(result.timed_out)
      assert.are.equal(ALL_WELL, helper.read(dir .. "/out"), "without " .. fd)
    end
  end)

  it("that may open few descriptors", function()
    local out, result = started { "prlimit", "--nofile=24:24" }
    assert.are.equal(ALL_WELL, out, result.stderr)
  end)

  it("that may use little address space", function()
    if helper.sanitized then return end -- a sanitizer reserves terabytes
    local out, result = started { "prlimit", "--as=" .. 400 * 1024 * 1024 }
    assert.are.equal(ALL_WELL, out, result.stderr)
  end)

  it("that is the first process of its container, and has the others on its hands", function()
    if not os.execute("unshare --pid --fork --mount-proc --kill-child true 2>/dev/null") then return end
    local out, result = started { "unshare", "--pid", "--fork", "--mount-proc", "--kill-child" }
    assert.are.equal(ALL_WELL, out, result.stderr)
  end)

  it("that may open too few descriptors is told so, and keeps none of the pool's", function()
    local path, dir = program [[
      local function open() local n = 0
        for _ in require("lfs").dir("/proc/self/fd") do n = n + 1 end
        return n
      end
      local before = open()
      local pool = WorkerPool { n_jobs = 64 }
      local ok, message = pcall(pool.map, pool, same, range(100), { chunk_size = 1 })
      local out = assert(io.open(DIR .. "/out", "w"))
      out:write(tostring(ok), " ", tostring(message), " ")
      pool:terminate()
      out:write(open() - before - 1)
      out:close()]]
    local result = helper.run({ "prlimit", "--nofile=32:32", helper.lua, path }, { timeout = 20 })
    assert.is_nil(result.timed_out)
    assert.matches("^false .*Too many open files 0$", helper.read(dir .. "/out"))
  end)
end)

describe("a task", function()
  helper.guard()

  local function line_of(status, name)
    return status:match(name .. ":%s*(%x+)")
  end

  it("starts with no signal blocked, whatever its host blocks", function()
    local path, dir = program [[
      local pool <close> = WorkerPool { n_jobs = 1 }
      local text = pool:map(function()
        local file <close> = io.open("/proc/self/status")
        return file:read("a")
      end, { 1 })[1]
      local out = assert(io.open(DIR .. "/out", "w"))
      out:write(text)
      out:close()]]
    helper.run({ "env", "--block-signal", helper.lua, path }, { timeout = 20 })
    assert.matches("^0+$", line_of(helper.read(dir .. "/out"), "SigBlk"))
  end)

  it("does not hear Ctrl-C", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    assert.are.same({ 1, 2, 3, n = 3 }, pool:map(function(x)
      os.execute("kill -INT " .. core.getpid())
      return x
    end, { 1, 2, 3 }))
  end)
end)

describe("a host that takes the news of every child's death", function()
  helper.guard()

  local library = helper.compile(helper.write(helper.tmpdir() .. "/reaper.c", [[
    #include <lua.h>
    #include <sys/wait.h>
    int reap(lua_State *L);
    __attribute__((visibility("default"))) int reap(lua_State *L) {
      lua_Integer n = 0;
      while (waitpid(-1, NULL, WNOHANG) > 0) n++;
      lua_pushinteger(L, n);
      return 1;
    }
  ]]), { cflags = "-shared" })

  it("still gets its results, and hears that a worker died", function()
    local path = program(([[
      local reap = assert(package.loadlib(%q, "reap"))
      local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
      local pid = pool:map(core.getpid, { { n = 0 } })[1]
      os.execute("kill -KILL " .. pid)
      local n = 0
      for _ = 1, 500 do
        n = n + reap()
        if n > 0 then break end
        core.sleep(0.01)
      end
      print(n, pool:map(same, range(20))[20])
      -- In a worker's worst moment, too.
      local ok, err = pcall(pool.map, pool, function(x)
        workerpool.emit()
        if x == 2 then os.exit(9) end
        core.sleep(0.05)
      end, range(4), { chunk_size = 1, on_message = function()
        core.sleep(0.02)
        reap()
      end })
      print(ok, err.kind, err.task_index)
      print(pool:apply(same, { 7 }))
      pool:stop_and_join()
      print(reap())]]):format(library))
    local result = helper.run({ helper.lua, path }, { timeout = 30 })
    assert.are.equal("1\t20\nfalse\tcrash\t2\n7\n0\n", result.stdout, result.stderr)
  end)
end)

-- ---- how a host ends ------------------------------------------------------------------

describe("no worker outlives a host that", function()
  helper.guard()

  local BUSY = [[
    local pool = WorkerPool { n_jobs = 3 }
    local results = {}
    for i = 1, 3 do results[i] = pool:apply_async(function() here() core.sleep(100) end) end
    local lfs = require "lfs"
    local function count()
      local n = 0
      for name in lfs.dir(DIR) do n = n + (tonumber(name) and 1 or 0) end
      return n
    end
    while count() < 3 do core.sleep(0.01) end
  ]]

  for what, rest in pairs {
    ["calls os.exit"] = "os.exit(0)",
    ["calls os.exit and closes its state"] = "os.exit(0, true)",
    ["raises an error that nobody catches"] = "error('uncaught')",
    ["returns in the middle of its work, and has a global pool"] =
      "forgotten = pool os.exit(0, true)",
    ["leaves by os.exit inside a loop"] =
      "for _ in WorkerPool{ n_jobs = 2 }:imap(function(x) here() return x end, range(9)) do os.exit(0) end",
    ["leaves by os.exit inside a callback"] =
      "pool:terminate() pool:apply(same, {}, { callback = function() os.exit(0, true) end })",
    ["dies from a signal of its own"] = "os.execute('kill -SEGV ' .. core.getpid())",
  } do
    it(what, function()
      local path, dir = program(BUSY .. rest)
      local result = helper.run({ helper.lua, path }, { timeout = 20 })
      assert.is_nil(result.timed_out)
      assert.is_true(all_gone(noted(dir, 3)))
    end)
  end

  for _, signal in ipairs { "TERM", "HUP", "QUIT", "KILL" } do
    it("dies from SIG" .. signal, function()
      local path, dir = program(BUSY .. "results[1]:get()")
      local host = helper.start { helper.lua, path }
      local pids = noted(dir, 3)
      host:kill(signal)
      assert.is_truthy(host:wait(20))
      assert.is_true(all_gone(pids))
    end)
  end

  it("dies while a program runs that it has started by itself", function()
    local path, dir = program [[
      local pool = WorkerPool { n_jobs = 2, keep_alive = true }
      pool:map(function() here() core.sleep(0.1) end, { 1, 2 }, { chunk_size = 1 })
      os.execute("sleep 60 >/dev/null 2>&1 & echo $! >" .. DIR .. "/other")
      core.sleep(60)]]
    local host = helper.start { helper.lua, path }
    local pids = noted(dir, 2)
    local other
    helper.eventually(function()
      other = (helper.read(dir .. "/other") or ""):match("%d+")
      return other
    end, 20)
    host:kill("KILL")
    assert.is_true(all_gone(pids))
    os.execute("kill -KILL " .. other)
  end)

  it("has its output closed by the program that reads it", function()
    local path, dir = program [[
      local pool <close> = WorkerPool { n_jobs = 2 }
      pool:map(function(x)
        here()
        for _ = 1, 5000 do print("task", x) end
      end, range(20), { chunk_size = 1, on_error = "collect" })
      while true do io.write("host\n") end]]
    local result = helper.run(helper.lua .. " " .. helper.quote(path) .. " | head -n 1", { timeout = 30 })
    assert.is_nil(result.timed_out)
    assert.are.equal(1, select(2, result.stdout:gsub("\n", "")))
    assert.is_true(all_gone(pids_in(dir)))
  end)
end)

describe("nested pools three deep", function()
  helper.guard()

  -- Each process notes itself, the deepest ones sleep.
  local NEST = [[
    local function nest(depth)
      here()
      if depth == 0 then core.sleep(100) return depth end
      local pool <close> = WorkerPool { n_jobs = 2, daemon = false }
      return pool:map(nest, { depth - 1, depth - 1 }, { chunk_size = 1 })[1] + 1
    end
  ]]

  local function parent_of(pid)
    local stat = helper.read("/proc/" .. pid .. "/stat")
    return stat and tonumber(stat:match("^.*%) %a (%d+)"))
  end

  it("die below a worker in the middle that is killed; those above are told", function()
    local path, dir = program(NEST .. [[
      local pool = WorkerPool { n_jobs = 2, daemon = false }
      local ok, err = pcall(pool.map, pool, nest, { 2, 2 }, { chunk_size = 1 })
      print(ok, err.kind, err.signal)
      print(pool:map(same, { 5 })[1])]])
    local host = helper.start { helper.lua, path }
    local pids = noted(dir, 2 + 4 + 8)
    -- Below the host: 2 workers, 4 below them, 8 below those.
    local middle, below = nil, {}
    for _, pid in ipairs(pids) do
      if parent_of(pid) == host.pid then middle = pid end
    end
    local function descend(pid)
      for _, child in ipairs(helper.children(pid)) do
        below[#below + 1] = child
        descend(child)
      end
    end
    descend(middle)
    assert.are.equal(6, #below)
    os.execute("kill -KILL " .. middle)
    assert.is_true(all_gone(below))
    local result = host:wait(20)
    assert.are.equal("false\tcrash\tSIGKILL\n5\n", result and result.stdout)
    assert.is_true(all_gone(pids))
  end)

  it("die all with their host", function()
    local path, dir = program(NEST .. [[
      local pool = WorkerPool { n_jobs = 2, daemon = false }
      pool:map(nest, { 2, 2 }, { chunk_size = 1 })]])
    local host = helper.start { helper.lua, path }
    local pids = noted(dir, 14)
    host:kill("KILL")
    assert.is_true(all_gone(pids))
  end)

  it("are ended by the timeout of the outermost task", function()
    local path, dir = program(NEST .. [[
      local pool <close> = WorkerPool { n_jobs = 2, daemon = false }
      local ok, err = pcall(pool.map, pool, nest, { 2, 2 }, { chunk_size = 1, task_timeout = 2 })
      print(ok, err.kind)]])
    local result = helper.run({ helper.lua, path }, { timeout = 30 })
    assert.are.equal("false\ttimeout\n", result.stdout)
    assert.is_true(all_gone(pids_in(dir)))
  end)
end)

-- ---- signals ---------------------------------------------------------------------------

describe("Ctrl-C", function()
  helper.guard()

  local SCRIPTS = {
    ["a map"] = [[
      local pool = WorkerPool { n_jobs = 3 }
      pool:map(function() here() core.sleep(100) end, range(30), { chunk_size = 1 })]],
    ["a map whose tasks loop in Lua"] = [[
      local pool <close> = WorkerPool { n_jobs = 3 }
      pool:map(function() here() while true do end end, range(30), { chunk_size = 1 })]],
    ["a lazy loop"] = [[
      local pool <close> = WorkerPool { n_jobs = 3, keep_alive = true }
      for _ in pool:imap(function() here() core.sleep(100) end, range(30), { chunk_size = 1 }) do
        print("never")
      end]],
    ["get"] = [[
      local pool <close> = WorkerPool { n_jobs = 3 }
      local results = {}
      for i = 1, 9 do results[i] = pool:apply_async(function() here() core.sleep(100) end) end
      results[1]:get()]],
    ["workers replaced one after the other"] = [[
      local pool <close> = WorkerPool { n_jobs = 3 }
      pool:map(function() here() core.sleep(0.05) end, range(10000),
        { chunk_size = 1, worker_lifespan = 1 })]],
  }

  -- Lua's own interpreter makes an error of the signal; the one of the builds
  -- with a sanitizer dies from it.
  local handles = not helper.sanitized

  -- A program that leads a process group of its own, as under a shell.
  local function leading(path)
    return helper.start { "setsid", helper.lua, path }
  end

  for what, source in pairs(SCRIPTS) do
    it("to the whole group ends " .. what .. " with one message", function()
      local path, dir = program(source)
      local host = leading(path)
      noted(dir, 3)
      os.execute("kill -s INT -- -" .. host.pid)
      local result = host:wait(20)
      assert.is_truthy(result, "it goes on")
      assert.are_not.equal(0, result.status)
      assert.are.equal("", result.stdout)
      local _, n = result.stderr:gsub("interrupted!", "")
      assert.are.equal(handles and 1 or 0, n, result.stderr)
      assert.is_true(all_gone(pids_in(dir)))
    end)
  end

  it("to the host alone does the same", function()
    local path, dir = program(SCRIPTS["a map"])
    local host = leading(path)
    noted(dir, 3)
    host:kill("INT")
    local result = host:wait(20)
    assert.is_truthy(result, "it goes on")
    if handles then assert.matches("interrupted!", result.stderr) end
    assert.is_true(all_gone(pids_in(dir)))
  end)

  it("twice leaves nothing either", function()
    local path, dir = program(SCRIPTS["a lazy loop"])
    local host = leading(path)
    noted(dir, 3)
    os.execute(("kill -s INT -- -%d; kill -s INT -- -%d"):format(host.pid, host.pid))
    assert.is_truthy(host:wait(20), "it goes on")
    assert.is_true(all_gone(pids_in(dir)))
  end)

  it("that a program catches leaves its pool usable", function()
    if not handles then return end
    local path, dir = program [[
      local pool <close> = WorkerPool { n_jobs = 3, keep_alive = true }
      local ok, err = pcall(pool.map, pool, function() here() core.sleep(100) end, range(9),
        { chunk_size = 1 })
      print(ok, err, pool:map(same, range(30))[30])]]
    local host = leading(path)
    noted(dir, 3)
    os.execute("kill -s INT -- -" .. host.pid)
    local result = host:wait(20)
    assert.matches("^false\t.*interrupted!\t30\n$", result and result.stdout)
  end)
end)

describe("a host that is stopped and goes on", function()
  helper.guard()

  it("has lost nothing", function()
    local path, dir = program [[
      local pool <close> = WorkerPool { n_jobs = 2 }
      local list = pool:map(function(x) here() core.sleep(0.02) return x end, range(40))
      print(list.n, list[40])]]
    local host = helper.start { helper.lua, path }
    noted(dir, 2)
    for _ = 1, 5 do
      host:kill("STOP")
      helper.sleep(0.03)
      host:kill("CONT")
      helper.sleep(0.03)
    end
    local result = host:wait(20)
    assert.are.equal("40\t40\n", result and result.stdout)
  end)
end)

-- ---- what host and workers share ----------------------------------------------------------

describe("what the host has when its workers are forked:", function()
  helper.guard()

  it("text that it has not written out yet is written once, also if a task closes the file", function()
    local path = helper.tmpdir() .. "/text"
    local file = assert(io.open(path, "w"))
    file:setvbuf("full")
    file:write("once\n")
    do
      local pool <close> = WorkerPool { n_jobs = 4, shared_objects = file }
      file:write("twice?\n")
      pool:map(function(shared)
        if io.type(shared) == "file" then shared:close() end
      end, workerpool.range(4), { chunk_size = 1 })
    end
    file:write("end\n")
    file:close()
    assert.are.equal("once\ntwice?\nend\n", helper.read(path))
  end)

  it("what it still uses is not finalized by a task that collects rubbish", function()
    local path = program [[
      local precious = setmetatable({}, { __gc = function()
        io.write(workerpool.is_worker() and "worker " or "host ")
      end })
      local pool = WorkerPool { n_jobs = 2 }
      pool:map(function() collectgarbage() collectgarbage() end, range(4), { chunk_size = 1 })
      pool:stop_and_join()
      io.write(precious and "kept ")]]
    assert.are.equal("kept host ", helper.run({ helper.lua, path }).stdout)
  end)

  it("a pool of its own is left alone by a task that drops it", function()
    local first = WorkerPool { n_jobs = 1, keep_alive = true }
    assert.are.equal(1, first:map(function(x) return x end, { 1 })[1])
    do
      local second <close> = WorkerPool { n_jobs = 2 }
      local shared = { first = first }
      second:set_shared_objects(shared)
      second:map(function(s)
        s.first = nil
        collectgarbage()
        collectgarbage()
      end, workerpool.range(4), { chunk_size = 1 })
    end
    assert.are.equal(2, first:map(function(x) return x end, { 2 })[1])
    first:stop_and_join()
  end)
end)

describe("many pools at once", function()
  helper.guard()

  it("work side by side, and leave nothing", function()
    local pools = {}
    for i = 1, 20 do pools[i] = WorkerPool { n_jobs = 2, keep_alive = i % 2 == 0 } end
    for round = 1, 3 do
      for i, pool in ipairs(pools) do
        local list = pool:map(function(x) return x * i + round end, workerpool.range(10))
        assert.are.equal(10 * i + round, list[10])
      end
    end
    for _, pool in ipairs(pools) do pool:stop_and_join() end
    assert.are.same({}, helper.children())
  end)

  it("with loops inside of loops", function()
    local a <close> = WorkerPool { n_jobs = 2 }
    local b <close> = WorkerPool { n_jobs = 2 }
    local c <close> = WorkerPool { n_jobs = 2 }
    local sum = 0
    for _, x in a:imap(function(v) return v end, workerpool.range(10)) do
      for _, y in b:imap_unordered(function(v) return v * x end, workerpool.range(10)) do
        sum = sum + c:apply(function(v) return v end, { y })
      end
    end
    assert.are.equal(55 * 55, sum)
  end)

  it("a killed worker of one is no concern of the others", function()
    local a <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local b <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local function pid_of(pool) return pool:apply(core.getpid) end
    local of_a, of_b = pid_of(a), pid_of(b)
    assert.are_not.equal(of_a, of_b)
    local slow = b:apply_async(function()
      core.sleep(0.3)
      return "done"
    end)
    os.execute("kill -KILL " .. of_a)
    assert.is_false(pcall(a.map, a, error, { "x" }))
    a:terminate()
    assert.are.equal("done", slow:get())
    assert.are.equal(1, a:apply(function() return 1 end))
  end)

  it("whose sibling's host end is open in later workers: a kill is noticed at once", function()
    local a <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local pid = a:apply(core.getpid)
    local b <close> = WorkerPool { n_jobs = 4, keep_alive = true }
    b:map(function(x) return x end, workerpool.range(8), { chunk_size = 1 })
    local result = a:apply_async(function() core.sleep(100) end)
    assert.is_false(result:wait(0.1))
    os.execute("kill -KILL " .. pid)
    assert.is_true(result:wait(20))
    assert.is_false(result:successful())
  end)

  it("opened and forgotten by hundreds", function()
    for i = 1, 200 do
      local pool = WorkerPool { n_jobs = 1, keep_alive = true }
      if i % 10 == 0 then assert.are.equal(i, pool:map(function(x) return x end, { i })[1]) end
    end
    collectgarbage()
    collectgarbage()
    assert.are.same({}, helper.children())
  end)
end)

-- ---- threads -----------------------------------------------------------------------------

describe("a pool whose workers were started by a thread that has ended", function()
  helper.guard()

  it("still works", function()
    local source = helper.write(helper.tmpdir() .. "/threaded.c", [[
      #include <lauxlib.h>
      #include <lualib.h>
      #include <pthread.h>
      #include <stdio.h>
      static lua_State *L;
      static int run(const char *code) {
        if (luaL_dostring(L, code) == LUA_OK) return 0;
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        return 1;
      }
      static void *begin(void *code) {
        (void)run(code);
        return NULL;
      }
      int main(int argc, char **argv) {
        pthread_t thread;
        if (argc < 3) return 2;
        L = luaL_newstate();
        luaL_openlibs(L);
        pthread_create(&thread, NULL, begin, argv[1]);
        pthread_join(thread, NULL);
        int failed = run(argv[2]);
        lua_close(L);
        return failed;
      }
    ]])
    local threaded = helper.compile(source)
    local result = helper.run({ threaded, [[
      workerpool = require "workerpool"
      pool = workerpool.WorkerPool { n_jobs = 2, keep_alive = true }
      pool:map(function(x) return x end, workerpool.range(10))
      later = pool:apply_async(function(x) require("workerpool.core").sleep(0.2) return x end, { 5 },
        { retries = 3 })]], [[
      print(later:get())
      for _ = 1, 3 do print(pool:map(function(x) return x end, workerpool.range(10))[10]) end
      pool:stop_and_join()]] }, { timeout = 30 })
    assert.are.equal("5\n10\n10\n10\n", result.stdout, result.stderr)
  end)
end)
