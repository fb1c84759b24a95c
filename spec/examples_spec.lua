-- The programs under examples/ run, and what they print is right.

local helper = require "spec.support.helper"

helper.guard()

local function example(name, arguments, options)
  local words = { helper.host, "run", helper.root .. "/examples/" .. name }
  for _, word in ipairs(arguments or {}) do words[#words + 1] = word end
  return helper.run(words, options)
end

local function output(...)
  local done = example(...)
  assert.equal("", done.stderr)
  assert.equal(0, done.status)
  return done.stdout
end

describe("wordcount.lua", function()
  it("counts the words of a folder, each file once", function()
    local dir = helper.tmpdir()
    helper.write(dir .. "/it's a name", "The cat. The dog's tail!\n")
    helper.write(dir .. "/two\nlines", "the CAT\n")
    os.execute(("cd %s && ln -s two* link && ln -s . loop"):format(helper.quote(dir)))
    local text = output("wordcount.lua", { dir })
    assert.matches("\n   1  the%s+3  42.86%%\n   2  cat%s+2  28.57%%\n", text)
    assert.matches("2 files, 33 bytes, 7 words, 4 of them different", text, 1, true)
  end)

  it("has a folder of its own to begin with", function()
    local text = output("wordcount.lua")
    assert.matches("\n   1  the ", text, 1, true)
    assert.matches("with %d+ workers: [%d,]+ words/s", text)
  end)

  it("says when there is nothing to read", function()
    local done = example("wordcount.lua", { "-no/such" })
    assert.equal(1, done.status)
    assert.equal("wordcount: no readable files under -no/such\n", done.stderr)
  end)
end)

describe("mandelbrot.lua", function()
  local function draw(jobs)
    local path = helper.tmpdir() .. "/out.ppm"
    local text = output("mandelbrot.lua", { path, "60", "40" }, { env = { WORKERPOOL_JOBS = jobs } })
    return helper.read(path), text:match("checksum (%d+)")
  end

  it("writes a picture that does not depend on the number of workers", function()
    local picture, checksum = draw("2")
    assert.equal("P6\n60 40\n255\n", picture:sub(1, 13))
    assert.equal(13 + 60 * 40 * 3, #picture)
    local sum = 0
    for i = 14, #picture do sum = sum + picture:byte(i) end
    assert.equal(tostring(sum), checksum)
    assert.same({ picture, checksum }, { draw("0") })
    assert.same({ picture, checksum }, { draw("3") })
  end)

  it("has black in its middle and a colour at its edge", function()
    local picture = draw("2")
    local middle = 13 + (20 * 60 + 35) * 3
    assert.equal("\0\0\0", picture:sub(middle + 1, middle + 3))
    assert.not_equal("\0\0\0", picture:sub(14, 16))
  end)

  it("refuses a size that is none", function()
    assert.equal(2, example("mandelbrot.lua", { "/dev/null", "wide" }).status)
  end)
end)

describe("primes.lua", function()
  it("counts the primes below a limit", function()
    assert.equal("348513 primes below 5000000\nwhich is what the tables say\n", output("primes.lua"))
    assert.equal("78498 primes below 1000000\nwhich is what the tables say\n",
      output("primes.lua", { "1000000" }))
  end)

  it("is right at the seams of its segments", function()
    for limit, count in pairs { [2] = 0, [3] = 1, [10] = 4, [199999] = 17983, [200000] = 17984,
      [200003] = 17984, [200004] = 17985 } do
      assert.equal(("%d primes below %d\n"):format(count, limit),
        output("primes.lua", { tostring(limit) }))
    end
  end)

  it("refuses a limit that is none", function()
    assert.equal(2, example("primes.lua", { "many" }).status)
  end)
end)

describe("logcruncher.lua", function()
  it("reports on a log that it makes, always the same", function()
    local text = output("logcruncher.lua")
    assert.matches("20000 lines, 0 of them unreadable", text, 1, true)
    assert.equal(text, output("logcruncher.lua", nil, { env = { WORKERPOOL_JOBS = "0" } }))
  end)

  it("reads each line once, wherever the ranges are cut", function()
    local lines = {}
    for i = 1, 9000 do -- about 600 kB: three ranges
      lines[i] = ('{"path":"/%s","status":200,"ms":%d}'):format(("p"):rep(i % 50), i)
    end
    lines[#lines + 1] = '{"path":"/", "status":'
    lines[#lines + 1] = '[1]'
    local path = helper.write(helper.tmpdir() .. "/log", table.concat(lines, "\n"))
    local text = output("logcruncher.lua", { path })
    assert.matches("status 200: 9000\n9002 lines, 2 of them unreadable", text, 1, true)
    assert.matches("\n/%s+180%s", text)
  end)

  it("says what is missing", function()
    local done = example("logcruncher.lua", { "no/such.jsonl" })
    assert.equal(1, done.status)
    assert.matches("no/such.jsonl: No such file", done.stderr, 1, true)
    done = example("logcruncher.lua", nil, { env = { LUA_CPATH = "/nowhere/?.so" } })
    assert.equal(1, done.status)
    assert.matches("needs lua-cjson", done.stderr, 1, true)
  end)
end)

describe("under plain lua", function()
  it("examples run as well", function()
    local done = helper.run { helper.lua, "examples/primes.lua", "1000000" }
    assert.equal("78498 primes below 1000000\nwhich is what the tables say\n", done.stdout)
  end)
end)

describe("embed.c", function()
  it("compiles, runs Lua and C in workers, and is never held up", function()
    local program = helper.compile("examples/embed.c",
      { cflags = "-I" .. helper.quote(helper.root .. "/src") })
    local done = helper.run({ program }, { cwd = "/", env = { LUA_PATH = "", LUA_CPATH = "" } })
    assert.matches("^meanwhile %d+ frames were drawn\n$", done.stderr)
    assert.equal([[
  task 13 failed, as it was meant to: [string "fail_at = 13..."]:3: unlucky
with Lua: 40 tasks done, 1 of them failed
without Lua: below 1001, 871 takes longest, 178 steps
all results are right
]], done.stdout)
    assert.equal(0, done.status)
  end)
end)

describe("histogram.lua", function()
  it("counts every byte of a folder once", function()
    local dir = helper.tmpdir()
    helper.write(dir .. "/a", ("a"):rep(10) .. "b\n")
    helper.write(dir .. "/b", ("a"):rep(10) .. "\0\255")
    local text = output("histogram.lua", { dir })
    assert.matches("  a        20  " .. ("#"):rep(50) .. "\n", text, 1, true)
    assert.matches(" ff         1  ##\n", text, 1, true)
    assert.matches("2 files, 24 bytes", text, 1, true)
  end)

  it("says when there is nothing to read", function()
    assert.equal(1, example("histogram.lua", { "/no/such" }).status)
  end)
end)

describe("jobqueue.lua", function()
  it("follows every include once, in circles, too", function()
    local dir = helper.tmpdir()
    helper.write(dir .. "/a.h", '#include "b.h"\n # include <c.h>\n')
    helper.write(dir .. "/b.h", '#include "a.h"\n#include "c.h"\n#include "none.h"\n')
    helper.write(dir .. "/c.h", "int c;\n")
    local text = output("jobqueue.lua", { dir .. "/a.h", dir })
    assert.equal(("%s/a.h\n%s/b.h\n%s/c.h\n%s/a.h needs 2 files\n"):format(dir, dir, dir, dir),
      text)
  end)

  it("says when there is no such file", function()
    local done = example("jobqueue.lua", { "/no/such.h" })
    assert.equal(1, done.status)
    assert.equal("jobqueue: cannot read /no/such.h\n", done.stderr)
  end)
end)

describe("lookup.lua", function()
  it("finds every line's entry", function()
    local text = output("lookup.lua", { "1000", "6000" })
    assert.matches("de%s+%d+\n", text)
    assert.matches("us%s+%d+\n6000 lines, 1000 entries in %d+ MB, %d+ MB private", text)
    local sum = 0
    for n in text:gmatch("%l%l +(%d+)\n") do sum = sum + n end
    assert.equal(6000, sum)
  end)

  it("refuses a size that is none", function()
    assert.equal(2, example("lookup.lua", { "0" }).status)
  end)
end)

describe("testrunner.lua", function()
  it("shows what failing tests have printed, and nothing of the others", function()
    local done = example("testrunner.lua")
    assert.are.same({ 1, "" }, { done.status, done.stderr })
    assert.matches("^FAIL sorted\n  [^\n]*:13: the smallest comes first\n  it printed:\n"
      .. "    sorting\t3 1 2\n    sorted \t3 2 1\n"
      .. "FAIL survives\n  worker %d died from SIGSEGV while running task 2\n  it printed:\n"
      .. "    about to call C code that crashes\n1 passed, 2 failed\n$", done.stdout)
  end)

  it("runs the tests of files, each on its own", function()
    local dir = helper.tmpdir()
    local good = helper.write(dir .. "/good.lua", "return { one = print, two = print }")
    local bad = helper.write(dir .. "/bad.lua",
      "return { ends = function() io.write('so far') os.exit(3) end, fine = print }")
    local done = example("testrunner.lua", { good, bad })
    assert.equal(1, done.status)
    assert.matches("FAIL ends\n  worker %d called exit with status 3 while running task 3\n"
      .. "  it printed:\n    so far\n3 passed, 1 failed\n$", done.stdout)
    assert.equal("2 passed, 0 failed\n", output("testrunner.lua", { good }))
  end)
end)
