-- The command `workerpool map`.

local helper = require "spec.support.helper"

helper.guard()

-- map(input, words…) runs the command.
local function map(input, ...)
  return helper.run({ helper.host, "map", ... }, { stdin = input })
end

local function output(input, ...)
  local done = map(input, ...)
  assert.equal("", done.stderr)
  assert.equal(0, done.status)
  return done.stdout
end

local function numbers(n)
  local lines = {}
  for i = 1, n do lines[i] = i .. "\n" end
  return table.concat(lines)
end

local function sorted_lines(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
  table.sort(lines, function(a, b) return tonumber(a) < tonumber(b) end)
  return table.concat(lines, "\n") .. "\n"
end

describe("workerpool map", function()
  it("prints the value of an expression of every line, in their order", function()
    assert.equal("A\nBC\n", output("a\nbc\n", "x:upper()"))
    assert.equal("3\n0\n", output("abc\n\n", "#x"))
    local squares = {}
    for i = 1, 5000 do squares[i] = i * i .. "\n" end
    assert.equal(table.concat(squares), output(numbers(5000), "x * x"))
  end)

  it("calls an expression that is a function", function()
    assert.equal("cba\n", output("abc\n", "function(line) return line:reverse() end"))
    assert.equal("ABC\n", output("abc\n", "string.upper"))
  end)

  it("needs no line feed at the end, and no line at all", function()
    assert.equal("a\nb\n", output("a\nb", "x"))
    assert.equal("", output("", "x"))
  end)

  it("prints nil as an empty line, and several values with tabs", function()
    assert.equal("\n", output("a\n", "nil"))
    assert.equal("a\t\t1\ttrue\n", output("a\n", "x, nil, 1, true"))
  end)

  it("allows for a comment, and for lines in the expression", function()
    assert.equal("a\n", output("a\n", "x -- as it is"))
    assert.equal("aa\n", output("a\n", "x\n..\nx"))
  end)

  it("finds the expression among the options, or behind --", function()
    assert.equal("1\n2\n", output("1\n2\n", "x", "-j", "1"))
    assert.equal("-1\n", output("1\n", "--", "-x"))
  end)

  it("runs in this process with -j 0", function()
    assert.equal("false\n", output("1\n", "-j0", "tostring(require 'workerpool'.is_worker())"))
    assert.equal("true\n", output("1\n", "-j1", "tostring(require 'workerpool'.is_worker())"))
  end)

  it("puts the task before each line of its result with --tag", function()
    assert.equal("a%1\tA\na%1\t%0\nb\tB\nb\t%0\n", output("a%1\nb\n", "--tag",
      "x:sub(1, 1):upper() .. '\\n%0'"))
    local log = helper.tmpdir() .. "/log"
    assert.equal("7\t49\n", output("7\n", "--tag", "--joblog", log, "x * x"))
  end)

  it("prints results as they come with --unordered", function()
    local slow_first = "x == '1' and os.execute('sleep 0.4') and x or x"
    assert.equal("2\n1\n", output("1\n2\n", "-j2", "--unordered", slow_first))
    assert.equal(numbers(3000), sorted_lines(output(numbers(3000), "-u", "x")))
  end)

  it("draws the same random numbers for any number of jobs with --seed", function()
    local function draw(jobs)
      return output(numbers(50), "-j", jobs, "--seed", "7", "math.random(1000000)")
    end
    assert.equal(draw("1"), draw("2"))
    assert.equal(draw("0"), draw("2"))
  end)

  it("reads tasks lazily: an endless input can be cut short", function()
    local done = helper.run("yes | " .. helper.quote(helper.host)
      .. " map x | head -n 3", { timeout = 20 })
    assert.equal("y\ny\ny\n", done.stdout)
  end)

  it("says when tasks cannot be read or results not be written", function()
    local quoted = helper.quote(helper.host)
    local done = helper.run(quoted .. " map x </tmp")
    assert.equal(255, done.status)
    assert.matches("cannot read the tasks: Is a directory", done.stderr, 1, true)
    done = helper.run("echo 1 | " .. quoted .. " map x >/dev/full")
    assert.equal(255, done.status)
    assert.matches("cannot write the results: No space left", done.stderr, 1, true)
  end)

  it("ends with 130 after SIGINT, and says nothing", function()
    local program = helper.start({ helper.host, "map",
      "print 'begun' or (function() while true do end end)()" }, { stdin = "1\n" })
    assert(helper.eventually(function() return program:stdout():find "begun" end))
    program:kill "INT"
    local done = program:wait(10)
    assert.equal(130, done.status)
    assert.equal("", done.stderr)
  end)
end)

describe("workerpool map --json", function()
  it("decodes lines and encodes results", function()
    assert.equal('{"name":"ann"}\n', output('{"user":{"name":"ann"}}\n', "--json", "x.user"))
    assert.equal('3\n"a"\ntrue\n', output('[1,2]\n["a"]\n[true]\n', "--json",
      "#x == 2 and x[1] + x[2] or x[1]"))
  end)

  it("writes nil as null, and several values as an array", function()
    assert.equal("null\n[1,null,2]\n", output("0\n1\n", "--json",
      "function(n) if n == 0 then return nil end return 1, nil, 2 end"))
  end)

  it("fails a task whose line or result is not JSON", function()
    local done = map("1\n{\n3\n", "--json", "x == 3 and { print } or x")
    assert.equal("1\n", done.stdout)
    assert.equal(2, done.status)
    assert.matches("line 2: not JSON: ", done.stderr, 1, true)
    assert.matches("line 3: the result has no form in JSON: ", done.stderr, 1, true)
  end)
end)

describe("workerpool map --null", function()
  it("takes tasks that end in a zero byte", function()
    assert.equal("[a\nb]\n[]\n[c]\n", output("a\nb\0\0c", "--null", "'[' .. x .. ']'"))
    assert.equal("1\n", output("a\0", "-0", "#x"))
  end)

  it("takes tasks that are longer than a block", function()
    local long = ("x"):rep(50000)
    assert.equal("50000\n3\n50000\n", output(long .. "\0abc\0" .. long, "--null", "#x"))
  end)
end)

describe("a task of workerpool map that fails", function()
  it("is told with its line and counted; the others go on", function()
    local done = map("1\nx\n3\ny\n", "x + 1")
    assert.equal("2\n4\n", done.stdout)
    assert.equal(2, done.status)
    assert.matches("^workerpool: line 2: expression:1: [^\n]*\nworkerpool: line 4: [^\n]*\n$",
      done.stderr)
  end)

  it("may have a result without a text", function()
    local done = map("1\n", "{}")
    assert.equal(1, done.status)
    assert.matches("line 1: the result is a table, .*--json", done.stderr)
  end)

  it("makes the status 101 when there are more than a hundred", function()
    assert.equal(100, map(numbers(100), "error()").status)
    assert.equal(101, map(numbers(101), "error()").status)
    assert.equal(101, map(numbers(300), "error()", "--keep-going").status)
  end)

  it("may have died", function()
    local done = map("1\n2\n3\n", "x == '2' and os.exit(9) or x")
    assert.equal("1\n3\n", done.stdout)
    assert.equal(1, done.status)
    assert.matches("line 2: .*called exit with status 9", done.stderr)
  end)

  it("may be late", function()
    local done = map("1\n2\n3\n", "--timeout", "0.2",
      "function(x) while x == '2' do end return x end")
    assert.equal("1\n3\n", done.stdout)
    assert.equal(1, done.status)
    assert.matches("line 2: .*timed out after 0.2 seconds", done.stderr)
  end)

  it("is tried again with --retries", function()
    local path = helper.tmpdir() .. "/tried"
    local fails_once = ([[function(x)
      local file = io.open(%q)
      if file then return x end
      io.open(%q, "w"):close()
      error "the first time"
    end]]):format(path, path)
    assert.equal("1\n", output("1\n", "--retries", "1", fails_once))
  end)
end)

describe("workerpool map --halt", function()
  it("now ends the run at once", function()
    local before = helper.now()
    local done = map(numbers(100000), "-j2", "--halt", "now,fail=1",
      "function(x) if x == '2' then error 'no' end while x == '1' do end end")
    assert.equal(1, done.status)
    assert.equal("workerpool: line 2: expression:1: no\n", done.stderr)
    assert.is_true(helper.now() - before < 10 * helper.scale)
  end)

  it("soon finishes what has been started", function()
    local done = map(numbers(100000), "-j2", "--halt", "soon,fail=2",
      "(x == '3' or x == '4') and error('no') or x")
    assert.equal(2, done.status)
    local _, printed = done.stdout:gsub("\n", "")
    assert.matches("^1\n2\n", done.stdout)
    assert.is_true(printed < 50, printed)
  end)

  it("counts a share of the tasks, once three have failed", function()
    local every_third = "x % 3 == 0 and error('no') or x"
    -- Tasks under way when the share is reached may still fail.
    local failed = map(numbers(1000), "--halt", "now,fail=30%", every_third).status
    assert.is_true(failed >= 3 and failed < 101, failed)
    assert.equal(101, map(numbers(1000), "--halt", "now,fail=90%", every_third).status)
    assert.equal(2, map(numbers(2), "--halt", "now,fail=1%", "error()").status)
  end)

  it("is taken back by never and by --keep-going", function()
    assert.equal(10, map(numbers(10), "--halt", "never", "error()").status)
    assert.equal(10, map(numbers(10), "--halt", "now,fail=1", "-k", "error()").status)
  end)

  it("refuses what it does not know", function()
    for text, hint in pairs {
      ["son,fail=1"] = "did you mean 'soon'?", ["now,fial=1"] = "did you mean 'fail'?",
      ["now,fail=0"] = "wanted now,fail=N", ["now,fail=101%"] = "wanted now,fail=N",
      now = "wanted now,fail=N",
    } do
      local done = map("", "--halt", text, "x")
      assert.equal(2, done.status)
      assert.matches(hint, done.stderr, 1, true)
    end
  end)
end)

describe("workerpool map --joblog", function()
  local HEADER = "Seq\tWorker\tStart\tRuntime\tStatus\tTask\n"

  local function log_path() return helper.tmpdir() .. "/log" end

  it("has a line for each task", function()
    local path = log_path()
    local done = map("a\nb\\\tc\n", "--joblog", path, "x == 'a' and x or error()")
    assert.equal(1, done.status)
    local log = helper.read(path)
    assert.equal(HEADER, log:sub(1, #HEADER))
    assert.matches("\n1\t%d\t%d+%.%d%d%d\t%d+%.%d%d%d\tok\ta\n", log)
    assert.matches("\n2\t%d\t%d+%.%d%d%d\t%d+%.%d%d%d\terror\tb\\\\\\tc\n$", log)
  end)

  it("knows start and worker of a task that died, and the kind of its end", function()
    local path = log_path()
    map("1\n", "--joblog", path, "os.exit(1)")
    assert.matches("\n1\t%d\t%d+%.%d+\t%d+%.%d+\tcrash\t1\n", helper.read(path))
  end)

  it("lets --resume go on where a run ended", function()
    local path = log_path()
    local done = map("1\n2\n3\n", "--joblog", path, "x == '2' and error('no') or x")
    assert.equal("1\n3\n", done.stdout)
    -- What is new, and what has failed before.
    assert.equal("20\n40\n", output("1\n2\n3\n4\n", "--joblog", path, "--resume", "x * 10"))
    assert.equal("", output("1\n2\n3\n4\n", "--joblog", path, "--resume", "x * 10"))
  end)

  it("is begun by --resume where there is none", function()
    local path = log_path()
    assert.equal("1\n", output("1\n", "--joblog", path, "--resume", "x"))
    assert.equal(HEADER, helper.read(path):sub(1, #HEADER))
  end)

  it("tells the true line of a task that fails after others were skipped", function()
    local path = log_path()
    output("1\n2\n", "--joblog", path, "x")
    local done = map("1\n2\n3\n", "--joblog", path, "--resume", "error('no')")
    assert.equal("workerpool: line 3: expression:1: no\n", done.stderr)
  end)

  it("survives a line that was cut short", function()
    local path = log_path()
    helper.write(path, HEADER .. "1\t0\t1.000\t0.000\tok\ta\n2\t0\t1.0")
    assert.equal("b\nc\n", output("a\nb\nc\n", "--joblog", path, "--resume", "x"))
    assert.equal("", output("a\nb\nc\n", "--joblog", path, "--resume", "x"))
  end)

  it("refuses to resume with other tasks", function()
    local path = log_path()
    output("a\nb\n", "--joblog", path, "x")
    local done = map("a\nc\n", "--joblog", path, "--resume", "x")
    assert.equal(2, done.status)
    assert.matches("line 2 is 'c', but 'b' in the joblog", done.stderr, 1, true)
  end)

  it("refuses a file that is no joblog, and leaves it as it was", function()
    local path = helper.write(log_path(), "dear diary\n")
    local done = map("", "--joblog", path, "--resume", "x")
    assert.equal(2, done.status)
    assert.matches("is not a joblog", done.stderr, 1, true)
    assert.equal("dear diary\n", helper.read(path))
  end)

  it("refuses a file that cannot be written", function()
    local done = map("", "--joblog", "/no/such/folder", "x")
    assert.equal(2, done.status)
    assert.matches("cannot write /no/such/folder", done.stderr, 1, true)
  end)
end)

describe("workerpool map --progress", function()
  it("writes to standard error only, and not unless it is asked for", function()
    local done = map(numbers(5), "--progress", "x")
    assert.equal(numbers(5), done.stdout)
    assert.matches("5/5", done.stderr, 1, true)
    assert.equal("", map(numbers(5), "x").stderr)
    assert.equal("", map(numbers(5), "--no-progress", "x").stderr)
  end)
end)

describe("workerpool map refuses", function()
  local cases = {
    { "no expression", {}, "wanted an expression" },
    { "two expressions", { "x", "y" }, "wanted one expression, got 2 words" },
    { "an empty one", { " " }, "cannot compile the expression: it is empty" },
    { "one that does not compile", { "x +" }, "expression:1: unexpected symbol near <eof>" },
    { "one that tries to get out of its place", { "1 end print(2" }, "cannot compile" },
    { "a tag in JSON", { "--tag", "--json", "x" },
      "--tag is for lines of text; with --json return the task with its result" },
    { "an unknown option", { "--jsno", "x" }, "unknown option '--jsno' (did you mean '--json'?)" },
    { "an expression that looks like an option", { "-x" }, "that begins with - goes after --" },
    { "a timeout of nothing", { "--timeout", "0", "x" }, "--timeout: wanted a number of seconds" },
    { "half a retry", { "--retries", "0.5", "x" }, "--retries: wanted an integer of at least 0" },
    { "a seed that is no integer", { "--seed", "s", "x" }, "--seed: wanted an integer, got 's'" },
    { "--resume alone", { "--resume", "x" }, "--resume needs --joblog FILE" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local done = map("1\n", table.unpack(case[2]))
      assert.equal(2, done.status)
      assert.equal("", done.stdout)
      assert.matches(case[3], done.stderr, 1, true)
    end)
  end

  it("a number of jobs in the environment that is none", function()
    local done = helper.run({ helper.host, "map", "x" }, { stdin = "1\n",
      env = { WORKERPOOL_JOBS = "some" } })
    assert.equal(2, done.status)
    assert.equal('workerpool map: $WORKERPOOL_JOBS: wanted an integer from 0 to 1024, got "some"\n'
      .. "Try 'workerpool map --help'.\n", done.stderr)
    done = helper.run({ helper.host, "map", "-j1", "x" }, { stdin = "1\n",
      env = { WORKERPOOL_JOBS = "some" } })
    assert.equal("1\n", done.stdout)
  end)
end)

-- The joblog took the place of a standard output that was closed, and the results
-- stood in it.
describe("workerpool map with a standard stream that is closed", function()
  local function run(redirection)
    local log = helper.tmpdir() .. "/log"
    local done = helper.run(("printf '1\\n2\\n' | { %s map -j1 --joblog %s x; } %s"):format(
      helper.host, log, redirection))
    return done, helper.read(log)
  end

  it("cannot write its results", function()
    for _, redirection in ipairs { ">&-", ">&- 2>&-" } do
      local done, log = run(redirection)
      assert.equal(255, done.status)
      assert.equal("Seq\tWorker\tStart\tRuntime\tStatus\tTask\n", log)
      assert.equal(redirection == ">&-"
        and "workerpool: cannot write the results: Bad file descriptor\n" or "", done.stderr)
    end
  end)

  it("cannot read its tasks", function()
    local done = helper.run(("%s map --joblog %s/log x <&-"):format(helper.host, helper.tmpdir()))
    assert.equal(255, done.status)
    assert.equal("workerpool: cannot read the tasks: Bad file descriptor\n", done.stderr)
  end)

  it("does without a standard error", function()
    local done, log = run("2>&-")
    assert.equal(0, done.status)
    assert.equal("1\n2\n", done.stdout)
    assert.equal(3, select(2, log:gsub("\n", "")))
  end)
end)
