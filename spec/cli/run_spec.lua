-- The command `workerpool run`, and what all commands share.

local helper = require "spec.support.helper"

helper.guard()

local host = helper.host

-- Runs a script, given as text, with the words that stand before and after it.
local function run(text, before, after, options)
  local dir = helper.tmpdir()
  helper.write(dir .. "/script.lua", text)
  local words = { host, "run" }
  for _, word in ipairs(before or {}) do words[#words + 1] = word end
  words[#words + 1] = "script.lua"
  for _, word in ipairs(after or {}) do words[#words + 1] = word end
  options = options or {}
  options.cwd = dir
  return helper.run(words, options)
end

describe("workerpool run", function()
  it("runs a script that maps, without any module installed", function()
    local done = run([[
      local workerpool = require "workerpool"
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      print(table.concat(pool:map(function(x) return x * x end, { 1, 2, 3 }), " "))
    ]], nil, nil, { env = { LUA_PATH = "/nowhere", LUA_CPATH = "/nowhere" } })
    assert.equal("", done.stderr)
    assert.equal("1 4 9\n", done.stdout)
    assert.equal(0, done.status)
  end)

  it("hands over arguments as lua does", function()
    local done = run("print(arg[0], arg[1], arg[2], #arg, ...)", { "-j", "2" },
      { "-x", "two words" })
    assert.equal("script.lua\t-x\ttwo words\t2\t-x\ttwo words\n", done.stdout)
  end)

  it("keeps what stands before the script under negative numbers", function()
    local done = run("print(arg[-1], arg[-2], arg[-3], arg[-4] ~= nil, arg[-5])", { "-j", "2" })
    assert.equal("2\t-j\trun\ttrue\tnil\n", done.stdout)
  end)

  it("ends its options at --", function()
    local done = run("print(arg[0], ...)", { "--" }, { "--help" })
    assert.equal("script.lua\t--help\n", done.stdout)
  end)

  it("reads a script from standard input for -", function()
    local done = helper.run({ host, "run", "-", "a" }, { stdin = "print(arg[0], ...)" })
    assert.equal("-\ta\n", done.stdout)
  end)

  it("passes over a first line for the shell", function()
    assert.equal("ok\n", run("#!/usr/bin/env workerpool\nprint 'ok'").stdout)
  end)

  describe("-j", function()
    local PRINT = "print(os.getenv 'WORKERPOOL_JOBS', "
      .. "require 'workerpool'.WorkerPool().n_jobs)"

    it("is the number of workers of pools that do not say", function()
      assert.equal("3\t3\n", run(PRINT, { "-j3" }).stdout)
      assert.equal("3\t3\n", run(PRINT, { "--jobs", "3" }).stdout)
      assert.equal("0\t0\n", run(PRINT, { "--jobs=0" }).stdout)
    end)

    it("takes a share of the CPUs", function()
      local cpus = tonumber(run("print(require 'workerpool'.cpu_count())").stdout)
      assert.equal(("%d\t%d\n"):format(2 * cpus, 2 * cpus), run(PRINT, { "-j", "200%" }).stdout)
      assert.equal("1\t1\n", run(PRINT, { "-j", "1%" }).stdout)
    end)

    it("wins over the environment, and reaches child processes", function()
      local done = run("io.write(io.popen('echo $WORKERPOOL_JOBS'):read 'a')", { "-j", "3" }, nil,
        { env = { WORKERPOOL_JOBS = "7" } })
      assert.equal("3\n", done.stdout)
    end)

    it("refuses what is no number of jobs", function()
      for _, text in ipairs { "many", "-1", "1.5", "2000", "0%", "" } do
        local done = run("print 'ran'", { "-j", text })
        assert.equal(2, done.status)
        assert.matches("-j: wanted a number of jobs from 0 to 1024", done.stderr, 1, true)
        assert.equal("", done.stdout)
      end
    end)
  end)

  describe("an error", function()
    it("prints its message and where it was, and exits with 1", function()
      local done = run("local function f() error 'boom' end\nf()")
      assert.equal(1, done.status)
      assert.equal(table.concat({ "workerpool: script.lua:1: boom", "stack traceback:",
        "\t[C]: in function 'error'", "\tscript.lua:1: in local 'f'",
        "\tscript.lua:2: in main chunk", "\t[C]: in ?\n" }, "\n"), done.stderr)
    end)

    it("in a task shows the worker's traceback as well", function()
      local done = run([[
        local pool <close> = require "workerpool".WorkerPool { n_jobs = 2 }
        pool:map(function(x) error("bad " .. x) end, { "apple" })
      ]])
      assert.equal(1, done.status)
      assert.matches("script.lua:2: bad apple\ntask 1 (args: \"apple\") on worker", done.stderr, 1, true)
      assert.matches("worker traceback:.*stack traceback:.*in main chunk", done.stderr)
    end)

    it("that is no text is named by its type", function()
      assert.matches("error object is a table value", run("error {}").stderr, 1, true)
      assert.matches("^workerpool: hello\n",
        run("error(setmetatable({}, { __tostring = function() return 'hello' end }))").stderr)
    end)

    it("is told by a script that has taken away all globals", function()
      local done = run("local g = _G for k in pairs(g) do g[k] = nil end\nlocal x = y.z")
      assert.equal(1, done.status)
      assert.matches("script.lua:2: attempt to index a nil value (global 'y')", done.stderr, 1, true)
    end)

    it("comes after what was printed before", function()
      local done = run("io.write 'first ' error('second', 0)")
      assert.equal("first ", done.stdout)
    end)

    it("in the grammar is told with its line", function()
      local done = run("x = = 1")
      assert.equal(1, done.status)
      assert.equal("workerpool: script.lua:1: unexpected symbol near '='\n", done.stderr)
    end)
  end)

  it("exits as the script says", function()
    assert.equal(7, run("os.exit(7)").status)
    assert.equal(0, run("return 5").status)
  end)

  it("says that a script cannot be opened", function()
    local done = helper.run { host, "run", "no/such.lua" }
    assert.equal(1, done.status)
    assert.matches("cannot open no/such.lua", done.stderr, 1, true)
  end)

  for _, method in ipairs { "spawn", "forkserver", "threading" } do
    it("serves as the program of workers that start by " .. method, function()
      local done = run([[
        local pool <close> = require "workerpool".WorkerPool { n_jobs = 2, start_method = ... }
        print(pool:apply(function(x) return x + 1 end, { 41 }))
      ]], nil, { method })
      assert.equal("", done.stderr)
      assert.equal("42\n", done.stdout)
    end)
  end
end)

describe("a signal to workerpool run", function()
  local BUSY = [[
    local workerpool = require "workerpool"
    local closed <close> = setmetatable({}, { __close = function() print "closed" end })
    local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
    print "begun"
    io.stdout:flush()
    for _ in pool:imap_unordered(function() while true do end end, { 1, 2 }) do end
  ]]

  local function start(text)
    local path = helper.write(helper.tmpdir() .. "/script.lua", text)
    local program = helper.start { host, "run", path }
    assert(helper.eventually(function() return program:stdout():find "begun" end))
    return program
  end

  for _, case in ipairs { { "INT", 130 }, { "TERM", 143 } } do
    it(case[1] .. " closes what is open, and says nothing", function()
      local program = start(BUSY)
      program:kill(case[1])
      local done = program:wait(10)
      assert.equal("begun\nclosed\n", done.stdout)
      assert.equal("", done.stderr)
      assert.equal(case[2], done.status)
    end)
  end

  -- The thread sanitizer holds a signal back until the next system call.
  local is_late = helper.sanitized == "thread"

  if not is_late then it("breaks a script that only computes", function()
    local program = start "print 'begun' io.stdout:flush() while true do end"
    program:kill "INT"
    assert.equal(130, program:wait(10).status)
  end) end

  if not is_late then it("may be caught by the script, and kills at the second time", function()
    local program = start [[
      print 'begun' io.stdout:flush()
      print(pcall(function() while true do end end)) io.stdout:flush()
      while true do end
    ]]
    program:kill "TERM"
    assert(helper.eventually(function() return program:stdout():find "interrupted!" end))
    assert.is_true(program:alive())
    program:kill "TERM"
    assert.equal(15, program:wait(10).signal)
  end) end
end)

describe("the command line", function()
  local function refusal(...)
    local done = helper.run { host, ... }
    assert.equal(2, done.status)
    assert.equal("", done.stdout)
    return done.stderr
  end

  it("tells its version", function()
    for _, word in ipairs { "--version", "-v" } do
      local done = helper.run { host, word }
      assert.equal(0, done.status)
      assert.matches("^workerpool %d+%.%d+%.%d+\n$", done.stdout)
    end
  end)

  it("tells its options", function()
    assert.matches("run %s+run a Lua script", helper.run { host, "--help" } .stdout)
    assert.matches("--jobs N", helper.run { host, "run", "--help" } .stdout, 1, true)
    assert.matches("--halt WHEN", helper.run { host, "map", "-h" } .stdout, 1, true)
    assert.equal(0, helper.run { host, "map", "--help" } .status)
  end)

  it("refuses to guess what is wanted", function()
    assert.matches("wanted a command: run or map", refusal(), 1, true)
    assert.matches("wanted a script", refusal("run"), 1, true)
  end)

  it("names what it does not know, and what is near", function()
    assert.matches("unknown command 'rum' (did you mean 'run'?)", refusal("rum"), 1, true)
    assert.matches("unknown option '--versoin' (did you mean '--version'?)",
      refusal("--versoin"), 1, true)
    assert.matches("unknown option '--job' (did you mean '--jobs'?)",
      refusal("run", "--job", "3"), 1, true)
    assert.matches("did you mean 'workerpool run examples/primes.lua'?",
      refusal("examples/primes.lua"), 1, true)
    assert.matches("unknown option '-j' (options of a command go behind its name)",
      refusal("-j", "3", "run", "examples/primes.lua"), 1, true)
  end)

  it("names an option that lacks its value or has one too many", function()
    assert.matches("-j needs a value", refusal("run", "-j"), 1, true)
    assert.matches("--help takes no value", refusal("run", "--help=yes"), 1, true)
  end)
end)
