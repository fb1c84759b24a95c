-- Traps that other pools of processes have fallen into, as their issue lists
-- tell: what a host is when it starts, and what it shares with its workers.
-- timeout: 240

local helper = require "spec.support.helper"
local programs = require "spec.support.programs"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local program = programs.make

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

  it("that has a child with the number of a worker which vanished", function()
    local words = { "unshare", "--pid", "--fork", "--mount-proc", "--kill-child" }
    if not os.execute(table.concat(words, " ") .. " true 2>/dev/null") then return end
    for _, word in ipairs { "env", "--ignore-signal=CHLD", helper.lua } do words[#words + 1] = word end
    words[#words + 1] = program [[
      local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
      pool:map(same, { 1 })
      local worker = pool.crew.engine:pid(0)
      os.execute("kill -KILL " .. worker .. "; sleep 0.1")
      io.open("/proc/sys/kernel/ns_last_pid", "w"):write(worker - 1):close()
      local child = io.popen("exec sleep 60")
      print(io.open("/proc/" .. worker .. "/comm") ~= nil, pool:map(same, { 1, 2 }).n)
      os.execute("kill " .. worker)]]
    local done = helper.run(words, { timeout = 20 })
    assert.is_nil(done.timed_out)
    assert.are.equal("true\t2\n", done.stdout, done.stderr)
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

  it("and what it starts have an empty standard input, also where their host has none", function()
    local path = program [[
      local pool <close> = WorkerPool { n_jobs = 1 }
      print(pool:apply(function()
        local cat <close> = io.popen("cat; echo $?")
        return cat:read("a")
      end))]]
    local result = helper.run(("exec 0<&-; exec %s %s"):format(helper.lua, helper.quote(path)))
    assert.are.equal("0\n\n", result.stdout, result.stderr)
  end)

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
