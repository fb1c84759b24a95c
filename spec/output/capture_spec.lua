-- output = "capture": what a task prints is kept, comes with its error, and is
-- otherwise told to on_output or forgotten.
-- timeout: 240

local helper = require "spec.support.helper"
local refusals = require "spec.support.refusals"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool
local range = workerpool.range
local refusal = refusals.refusal

local function die(signal)
  os.execute(("kill -%s %d"):format(signal, require("workerpool.core").getpid()))
  while true do end
end

for _, method in ipairs { "fork", "forkserver", "spawn" } do
  local function make(opts)
    opts = opts or {}
    opts.output, opts.start_method = "capture", method
    opts.n_jobs = opts.n_jobs or 2
    return WorkerPool(opts)
  end

  describe("captured output, " .. method, function()
    helper.guard()

    it("comes with the task's error, both streams in order, and that of programs", function()
      local pool <close> = make()
      local ok, err = pcall(pool.map, pool, function(x)
        io.write("one ")
        io.stderr:write("two ")
        os.execute("echo three; echo four >&2")
        print("five", x)
        error("no", 0)
      end, { 7 })
      assert.is_false(ok)
      assert.are.equal("one two three\nfour\nfive\t7\n", err.output)
      assert.matches("^no\n.*\noutput:\n  one two three\n  four\n  five\t7$", tostring(err))
    end)

    it("belongs to exactly that task of its chunk", function()
      local pool <close> = make()
      local list = pool:map(function(x)
        io.write("begin ", x)
        if x % 3 == 0 then error("multiple") end
        print(" end", x)
      end, range(300), { chunk_size = 50, on_error = "collect" })
      for x = 3, 300, 3 do assert.are.equal("begin " .. x, list[x].output) end
    end)

    for _, signal in ipairs { "KILL", "SEGV", "ABRT" } do
      it("of a task that died from SIG" .. signal .. " is all there", function()
        local pool <close> = make()
        local list = pool:map(function(x)
          print("line", x)
          io.write("begun ", x)
          if x % 5 == 0 then die(signal) end
          return x
        end, range(20), { chunk_size = 7, on_error = "collect" })
        for x = 1, 20 do
          if x % 5 == 0 then
            assert.are.equal(("line\t%d\nbegun %d"):format(x, x), list[x].output)
          else
            assert.are.equal(x, list[x])
          end
        end
      end)
    end

    it("of a task that ran out of time is there, too", function()
      local pool <close> = make()
      local ok, err = pcall(pool.map, pool, function()
        print("so far")
        while true do end
      end, { 1 }, { task_timeout = 0.3 })
      assert.is_false(ok)
      assert.are.same({ "timeout", "so far\n" }, { err.kind, err.output })
    end)

    it("of worker_init and worker_exit comes with their errors", function()
      local pool <close> = make()
      local function noisy(word) return function() print(word) error("no", 0) end end
      local _, err = pcall(pool.map, pool, tostring, { 1 }, { worker_init = noisy "init" })
      assert.are.equal("init\n", err.output)
      _, err = pcall(pool.map, pool, print, { 1 }, { worker_exit = noisy "exit" })
      assert.are.equal("exit\n", err.output)
      _, err = pcall(pool.map, pool, tostring, { 1 },
        { worker_init = function() print("init") die("KILL") end })
      assert.are.same({ "crash", "init\n" }, { err.kind, err.output })
    end)

    it("is bounded: the end of it is kept, and the machine's memory", function()
      local pool <close> = make { n_jobs = 1 }
      local function loud(n)
        local line = ("x"):rep(1023)
        for _ = 1, n do print(line) end
        -- What it occupies, in blocks of 512 bytes.
        error(io.popen("stat -L -c %b /proc/self/fd/2"):read("n"))
      end
      local _, little = pcall(pool.map, pool, loud, { 64 })
      assert.are.equal(65536, #little.output)
      local _, much = pcall(pool.map, pool, loud, { 400 * 1024 })
      local note, rest = much.output:match("^(%b()\n)(.*)$")
      assert.are.equal(("(%d bytes before this were not kept)\n")
        :format(400 * 1024 * 1024 - 65536), note)
      assert.are.equal(65536, #rest)
      assert.is_true(little.cause * 512 >= 65536)
      assert.is_true(much.cause * 512 < 300 * 1024 * 1024)
      _, little = pcall(pool.map, pool, loud, { 1 })
      assert.are.equal(1024, #little.output)
    end)
  end)
end

describe("captured output", function()
  helper.guard()

  it("does not make a worker wait while the host is busy", function()
    local pool <close> = WorkerPool { n_jobs = 1, output = "capture" }
    local done = workerpool.Value("i", 0)
    local result = pool:apply_async(function(value)
      for _ = 1, 5000 do print(("x"):rep(999)) end
      value.value = 1
      error("over", 0)
    end, { done })
    -- Nobody looks at the pool meanwhile.
    assert.is_true(helper.eventually(function() return done.value == 1 end, 20))
    local ok, err = pcall(result.get, result)
    assert.is_false(ok)
    assert.are.equal("over", err.message)
  end)

  it("of successful tasks is seen nowhere", function()
    local path = helper.write(helper.tmpdir() .. "/program.lua", [[
      local pool <close> = require("workerpool").WorkerPool { n_jobs = 2, output = "capture" }
      pool:map(function(x) print(x) io.stderr:write(x, "\n") end, { 1, 2, 3 })
      print("host")]])
    local done = helper.run { helper.lua, path }
    assert.are.same({ "host\n", "" }, { done.stdout, done.stderr })
  end)

  it("is told to on_output, task by task, before the task's result", function()
    local pool <close> = WorkerPool { n_jobs = 2, output = "capture" }
    local told, seen = {}, {}
    for i in pool:imap_unordered(function(x)
      if x % 2 == 0 then io.write("even ", x) end
      if x == 8 then error("eight") end
      if x == 10 then die("KILL") end
    end, range(20), {
      chunk_size = 3, on_error = "collect",
      on_output = function(i, text)
        assert(not seen[i] and not told[i])
        told[i] = text
      end,
    }) do
      seen[i] = true
    end
    for x = 1, 20 do
      assert.are.equal(x % 2 == 0 and "even " .. x or nil, told[x])
    end
  end)

  it("needs few descriptors", function()
    local path = helper.write(helper.tmpdir() .. "/program.lua", [[
      local pool <close> = require("workerpool").WorkerPool { n_jobs = 2, output = "capture" }
      local list = pool:map(function(x) print(x) error("no", 0) end, { 1, 2, 3 },
        { on_error = "collect" })
      print(list[1].output .. list[2].output .. list[3].output)]])
    local done = helper.run(("ulimit -n 40; %s %s"):format(helper.lua, path))
    assert.are.same({ "1\n2\n3\n\n", "" }, { done.stdout, done.stderr })
  end)

  it("is told to on_output of apply_async, too", function()
    local pool <close> = WorkerPool { n_jobs = 1, output = "capture" }
    local told = {}
    local function tell(id, text) told[#told + 1] = id .. " " .. text end
    pool:apply_async(print, { "a" }, { on_output = tell }):get()
    pool:apply_async(print, { "b" }):get()
    local result = pool:apply_async(function() io.write("c") die("KILL") end, {}, { on_output = tell })
    local ok, err = pcall(result.get, result)
    assert.is_false(ok)
    assert.are.equal("c", err.output)
    assert.are.same({ "1 a\n", "3 c" }, told)
  end)

  it("an error in on_output ends the call", function()
    local pool <close> = WorkerPool { n_jobs = 2, output = "capture" }
    local ok, message = pcall(pool.map, pool, print, range(10),
      { on_output = function() error("my listener", 0) end })
    assert.are.same({ false, "my listener" }, { ok, message })
    assert.are.same({ 4, n = 1 }, pool:map(math.abs, { -4 }))
  end)

  it("of each attempt is that attempt's alone", function()
    local pool <close> = WorkerPool { n_jobs = 1, output = "capture" }
    local ok, err = pcall(pool.map, pool, function() print("again") error("no") end, { 1 },
      { retries = 3 })
    assert.is_false(ok)
    assert.are.same({ 4, "again\n" }, { err.attempt, err.output })
  end)

  it("survives a task that closes its streams, or cuts them short", function()
    local pool <close> = WorkerPool { n_jobs = 1, output = "capture" }
    local list = pool:map(function(x)
      print("a line that is longer than the next one")
      if x == 1 then os.execute("echo short >/dev/stderr") end
      if x == 2 then os.execute("exec >&- 2>&-; echo lost 2>/dev/null") end
      error(x)
    end, { 1, 2, 3 }, { on_error = "collect", chunk_size = 3 })
    assert.are.equal("short\n", list[1].output)
    assert.are.equal("a line that is longer than the next one\n", list[2].output)
    assert.are.equal("a line that is longer than the next one\n", list[3].output)
  end)

  it("of a task that ran out of memory, or of stack, is there", function()
    local pool <close> = WorkerPool { n_jobs = 1, output = "capture",
      memory_limit = 64 * 1024 * 1024 }
    local _, err = pcall(pool.apply, pool, function()
      print("greedy")
      return ("x"):rep(1 << 30)
    end)
    assert.are.same({ "memory", "greedy\n" }, { err.kind, err.output })
    assert.matches("memory_limit", err.hint)
    _, err = pcall(pool.apply, pool, function()
      print("deep")
      local mt = {}
      mt.__index = function(t, k) return t[k .. "x"] end
      return setmetatable({}, mt).a
    end)
    assert.are.same({ "error", "deep\n" }, { err.kind, err.output })
    assert.matches("stack overflow", err.message)
    assert.are.equal(3, pool:apply(math.abs, { -3 }))
  end)

  it("of an error's text is its last 50 lines", function()
    local pool <close> = WorkerPool { n_jobs = 1, output = "capture" }
    local _, err = pcall(pool.apply, pool, function()
      for i = 1, 80 do print("line " .. i) end
      error("no")
    end)
    assert.matches("\noutput:\n  %(30 lines before%)\n  line 31\n.*\n  line 80$", tostring(err))
  end)

  it("does not exist with n_jobs = 0: there prints go straight out", function()
    local path = helper.write(helper.tmpdir() .. "/program.lua", [[
      local pool <close> = require("workerpool").WorkerPool { n_jobs = 0, output = "capture" }
      local ok, err = pcall(pool.map, pool, function(x) print(x) error("no", 0) end, { 1 })
      print(err.message, err.output)]])
    assert.are.equal("1\nno\tnil\n", helper.run({ helper.lua, path }).stdout)
  end)
end)

describe("misuse of output options", function()
  helper.guard()

  it("output: one of three words", function()
    for _, wrong in ipairs { "line", 1, true, {} } do
      assert.matches("WorkerPool: option 'output': wanted \"inherit\", \"lines\" or \"capture\", got ",
        refusal(function() WorkerPool { output = wrong } end))
    end
  end)

  it("output_prefix: what can be put before lines, and only before lines", function()
    for _, wrong in ipairs { 1, {} } do
      assert.matches("WorkerPool: option 'output_prefix': wanted .*, got ",
        refusal(function() WorkerPool { output_prefix = wrong } end))
    end
    for _, output in ipairs { "inherit", "capture" } do
      assert.matches("WorkerPool: option 'output_prefix': only output = 'lines' has prefixes, not '"
        .. output, refusal(function() WorkerPool { output = output, output_prefix = true } end))
    end
    assert.has_no.errors(function() WorkerPool { output = "capture", output_prefix = false } end)
  end)

  it("on_output: a function, for a pool that captures", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local capture <close> = WorkerPool { n_jobs = 1, output = "capture" }
    assert.matches("map: option 'on_output': wanted a function, got 1",
      refusal(function() capture:map(print, { 1 }, { on_output = 1 }) end))
    assert.matches("imap: option 'on_output' needs a pool with output = 'capture'",
      refusal(function() pool:imap(print, { 1 }, { on_output = print }) end))
    assert.matches("apply_async: option 'on_output' needs a pool with output = 'capture'",
      refusal(function() pool:apply_async(print, { 1 }, { on_output = print }) end))
  end)

  it("threads have no streams of their own", function()
    for _, opts in ipairs { { output = "lines" }, { output = "capture" }, { output_prefix = true } } do
      opts.start_method = "threading"
      assert.matches("WorkerPool: option 'output': '%a+' needs workers with a standard output of their own",
        refusal(function() WorkerPool(opts) end))
    end
    local pool <close> = WorkerPool { n_jobs = 1, start_method = "threading", output = "inherit" }
    assert.are.equal(4, pool:apply(core.affinity and math.abs, { -4 }))
  end)
end)
