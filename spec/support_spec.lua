-- The tools of the specs: the runner, the helper, the rules, the embedding.
local helper = require "spec.support.helper"

helper.guard()

local function run_specs(...)
  local names = {}
  for i, name in ipairs({ ... }) do
    names[i] = "spec/support/fixtures/" .. name .. ".lua"
  end
  return helper.run({ helper.lua, "spec/support/run.lua",
    table.unpack(names) }, { env = { SPEC_SCALE = "1", SPEC_FILTER = "", SPEC_WRAP = "" } })
end

local function has(text, wanted)
  assert.truthy(text:find(wanted, 1, true),
    ("%q is not in:\n%s"):format(wanted, text))
end

local function has_not(text, unwanted)
  assert.falsy(text:find(unwanted, 1, true),
    ("%q is in:\n%s"):format(unwanted, text))
end

-- A process whose command line is this one: none is left of a fixture.
local function running(line)
  return helper.run("grep -lzxs '" .. line .. "' /proc/[0-9]*/cmdline").stdout
end

-- This file has all there is to see, so one run does for many tests.
local mixed
local function run_mixed()
  mixed = mixed or run_specs("mixed")
  return mixed
end

describe("the runner", function()
  it("counts what the tests did and not what they print", function()
    local r = run_mixed()
    assert.equal(1, r.status)
    has(r.stdout, "2 passed, 4 failed")
    assert.equal("2 passed, 4 failed\n", r.stdout:match("[^\n]*\n$"))
  end)

  it("names the failed tests and shows why", function()
    local out = run_mixed().stdout
    has(out, "mixed fails")
    has(out, "(string) 'came'")
    has(out, "mixed breaks")
    has(out, "| 7 passed, 7 failed")
    has_not(out, "mixed is clean again")
  end)

  it("ends a file at its time limit and names the test", function()
    local r = run_specs("hangs")
    assert.equal(1, r.status)
    has(r.stdout, 'fixtures/hangs.lua: timed out after 1 s during "hangs"')
    has(r.stdout, "1 passed, 1 failed\n")
  end)

  it("ends what left the session of a file that hangs", function()
    run_specs("hangs")
    assert.equal("", running("987"))
  end)

  it("reports the signal that killed a file", function()
    local r = run_specs("dies")
    assert.equal(1, r.status)
    has(r.stdout, 'killed by signal 11 during "dies"')
    has(r.stdout, "1 passed, 1 failed\n")
  end)

  it("counts a file that does not load as a failure", function()
    local r = run_specs("broken")
    assert.equal(1, r.status)
    has(r.stdout, "no module of that name")
    has(r.stdout, "0 passed, 1 failed\n")
  end)

  it("counts a file without tests as a failure", function()
    local r = run_specs("empty")
    assert.equal(1, r.status)
    has(r.stdout, "has no tests")
    has(r.stdout, "0 passed, 1 failed\n")
  end)

  it("fails when there is nothing to run", function()
    local r = helper.run({ helper.lua, "spec/support/run.lua", "spec/none" })
    assert.equal(1, r.status)
    has(r.stdout, "no tests ran")
    has(r.stdout, "0 passed, 0 failed\n")
  end)

  it("reports and ends a process that a file leaves behind", function()
    local r = run_specs("leaves")
    assert.equal(1, r.status)
    has(r.stdout, "left processes behind")
    has(r.stdout, "sleep 986")
    assert.equal("", running("986"))
  end)

  it("counts what a sanitizer has found in any process, and no warning of it", function()
    local r = run_specs("finds")
    assert.equal(1, r.status)
    has(r.stdout, "fixtures/finds.lua: something was found in a process")
    has(r.stdout, "in the_culprit")
    has_not(r.stdout, "the_warning")
    has(r.stdout, "1 passed, 1 failed\n")
  end)

  it("blames an after_each on its test and counts a before_each", function()
    local r = run_specs("hooks")
    assert.equal(1, r.status)
    has(r.stdout, "an after_each is blamed on its test")
    has(r.stdout, "cannot clean up")
    has(r.stdout, "no ground to stand on")
    has(r.stdout, "0 passed, 2 failed\n")
  end)

  it("sums over files", function()
    local r = run_specs("dies", "empty", "broken")
    assert.equal("1 passed, 3 failed\n", r.stdout:match("[^\n]*\n$"))
  end)
end)

describe("the leak guard", function()
  it("reports a descriptor, by test and target", function()
    has(run_mixed().stdout, "leaks a descriptor\n")
    assert.truthy(run_mixed().stdout:find(
      "left behind: descriptor %d+ %(/dev/null%)"))
  end)

  it("reports a child", function()
    assert.truthy(run_mixed().stdout:find(
      "left behind: child %d+ %(sleep, S%)"))
  end)

  it("sees a child that is a zombie", function()
    local before = helper.holdings()
    local pipe = io.popen("exec true")
    assert.truthy(helper.eventually(function()
      local pid = helper.children()[1]
      return pid and helper.state(pid) == "Z"
    end))
    assert.truthy(table.concat(helper.leaks(before)):find("(true, Z)", 1, true))
    pipe:close()
    assert.same({}, helper.leaks(before))
  end)

  it("gives a child time to go", function()
    local before = helper.holdings()
    local pipe <close> = io.popen("exec cat", "w")
    assert.equal(1, #helper.children())
    pipe:close()
    assert.same({}, helper.leaks(before))
  end)

  it("collects garbage before it looks", function()
    local before = helper.holdings()
    do assert(io.open("/dev/null")) end
    assert.same({}, helper.leaks(before))
  end)
end)

describe("helper.run", function()
  it("passes input and takes both outputs and the status apart", function()
    local r = helper.run("cat; echo no >&2; exit 3", { stdin = "in\0put" })
    assert.same({ status = 3, stdout = "in\0put", stderr = "no\n" }, r)
  end)

  it("quotes words of a list", function()
    local r = helper.run({ "printf", "%s|", "a b", "it's", "$HOME" })
    assert.equal("a b|it's|$HOME|", r.stdout)
  end)

  it("tells the signal", function()
    local r = helper.run("kill -KILL $$")
    assert.equal(9, r.signal)
    assert.equal(137, r.status)
  end)

  it("sets environment and folder", function()
    local dir = helper.tmpdir()
    local r = helper.run("pwd; echo $COLOUR",
      { cwd = dir, env = { COLOUR = "light blue" } })
    assert.equal(dir .. "\nlight blue\n", r.stdout)
  end)

  it("ends a command at its time limit", function()
    local r = helper.run("sleep 985", { timeout = 0.2 })
    assert.equal(124, r.status)
    assert.is_true(r.timed_out)
  end)

  it("lets plain Lua find the module's folders", function()
    local r = helper.run({ helper.lua, "-e", "print(package.path)" })
    has(r.stdout, helper.root .. "/lua/?.lua;")
    has(r.stdout, "./?.lua")
  end)
end)

describe("helper.start", function()
  it("runs beside the test until it is killed", function()
    local program = helper.start({ "sleep", "30" })
    assert.equal("S", helper.eventually(function()
      return helper.state(program.pid) == "S" and "S"
    end))
    assert.is_true(program:alive())
    program:kill("TERM")
    assert.equal(15, program:wait().signal)
    assert.is_false(program:alive())
  end)

  it("has the output and the status at the end", function()
    local program = helper.start("read line; echo got $line; exit 4",
      { stdin = "word\n" })
    local r = program:wait()
    assert.equal("got word\n", r.stdout)
    assert.equal(4, r.status)
  end)

  it("returns nil when the wait is over before the program", function()
    local program = helper.start({ "sleep", "30" })
    assert.is_nil(program:wait(0.05))
    program:kill()
    assert.equal(9, program:wait().signal)
  end)
end)

describe("helper.tmpdir", function()
  local kept

  it("makes an empty folder", function()
    kept = helper.tmpdir()
    helper.write(kept .. "/file", "text")
    assert.equal("text", helper.read(kept .. "/file"))
  end)

  it("has removed it after the test", function()
    assert.is_nil(helper.read(kept .. "/file"))
  end)
end)

describe("helper.eventually", function()
  it("returns what the condition returned", function()
    local calls = 0
    assert.equal("third", helper.eventually(function()
      calls = calls + 1
      return calls == 3 and "third"
    end))
  end)

  it("gives up", function()
    assert.is_false(helper.eventually(function() return false end, 0.02))
  end)
end)

describe("helper.compile", function()
  it("makes a program from C", function()
    local program = helper.compile("spec/support/fixtures/sum.c")
    assert.equal("42\n", helper.run({ program, "40", "2" }).stdout)
  end)

  it("shows the compiler's words", function()
    local path = helper.write(helper.tmpdir() .. "/bad.c", "int main(void {}")
    assert.error_matches(function() helper.compile(path) end, "error: expected")
  end)
end)

describe("the rules", function()
  -- Writes a small tree and returns what check_rules.lua says about it.
  local function complaints(files)
    local root = helper.tmpdir()
    for path, text in pairs(files) do
      helper.run({ "mkdir", "-p", root .. "/" .. path:match("^(.*)/") })
      helper.write(root .. "/" .. path, text)
    end
    local r = helper.run({ helper.lua, "spec/support/check_rules.lua", root })
    assert.equal(r.stderr == "" and 0 or 1, r.status)
    return r.stderr
  end

  it("let a tree pass that keeps them", function()
    assert.equal("", complaints {
      ["src/base.c"] = '#include "base.h"\n/* free(x) */\nint x = free(y);\n',
      ["src/shm.c"] = '#include "shm.h"\n#include "base.h"\n',
      ["lua/workerpool/kinds.lua"] = "return {}\n",
      ["lua/workerpool/init.lua"] = 'local k = require "workerpool.kinds"\n'
        .. 'local c = require "workerpool.core"\nreturn { k, c }\n',
    })
  end)

  it("name an include that goes upwards", function()
    assert.equal("src/shm.c:1: shm may not include engine.h\n",
      complaints { ["src/shm.c"] = '#include "engine.h"\n' })
  end)

  it("keep Lua out of the engine", function()
    assert.equal("src/engine_queue.c:2: engine* may not see Lua\n",
      complaints { ["src/engine_queue.c"] = "\n#include <lua.h>\n" })
  end)

  it("keep allocation in base.c", function()
    assert.equal("src/shm.c:2: malloc is for base.c alone\n",
      complaints { ["src/shm.c"] = "\nvoid *p = malloc(3);\n" })
  end)

  it("want a room for every file", function()
    has(complaints { ["src/novel.c"] = "\n" }, "no room")
  end)

  it("find modules that load each other", function()
    has(complaints {
      ["lua/workerpool/one.lua"] = 'local two = require "workerpool.two"\n',
      ["lua/workerpool/two.lua"] = 'local one = require("workerpool.one")\n',
    }, "workerpool.one -> workerpool.two -> workerpool.one")
  end)

  it("keep pure modules pure, also from afar", function()
    has(complaints {
      ["lua/workerpool/chunk.lua"] = 'local x = require "workerpool.x"\n',
      ["lua/workerpool/x.lua"] = 'local core = require "workerpool.core"\n',
    }, "workerpool.chunk -> workerpool.x -> workerpool.core")
  end)

  it("find what docs/architecture.md leaves out, and what it has that is not there", function()
    assert.equal("docs/architecture.md: no file is called src/shn\n"
      .. "docs/architecture.md: no word on lua/workerpool/cli/init.lua\n"
      .. "docs/architecture.md: no word on src/shm.c\n", complaints {
        ["src/base.c"] = "", ["src/shm.c"] = "", ["lua/workerpool/cli/init.lua"] = "",
        ["docs/architecture.md"] = "| src/ | duty |\n| --- | --- |\n| `base`, `shn.h` | `shm` |\n",
      })
  end)

  it("find long files and tests that do not run", function()
    local said = complaints {
      ["src/base.c"] = ("\n"):rep(501),
      ["spec/a_spec.lua"] = "pend" .. 'ing("later")\n',
    }
    has(said, "src/base.c: 501 lines")
    has(said, "spec/a_spec.lua:1:")
  end)
end)

describe("the embedding", function()
  it("keeps every byte and names modules as require does", function()
    local root = helper.tmpdir()
    local bytes = {}
    for i = 0, 255 do bytes[i + 1] = string.char(i) end
    helper.run({ "mkdir", "-p", root .. "/lua/pool" })
    helper.write(root .. "/lua/pool/init.lua", table.concat(bytes))
    helper.write(root .. "/lua/pool/page.html", "")
    local source = root .. "/embedded.c"
    local r = helper.run({ helper.lua, "src/embed.lua", root .. "/lua", source,
      root .. "/lua/pool/init.lua", root .. "/lua/pool/page.html" })
    assert.equal(0, r.status, r.stderr)
    local file <close> = assert(io.open(source, "a"))
    file:write([[
#include <stdio.h>
int main(void) {
  for (const struct wp_embedded *e = wp_embedded; e->name; e++) {
    printf("%s %zu ", e->name, e->len);
    fwrite(e->source, 1, e->len + 1, stdout);
  }
  return 0;
}
]])
    file:close()
    local program = helper.compile(source)
    assert.equal("pool 256 " .. table.concat(bytes) .. "\0"
      .. "pool/page.html 0 \0", helper.run({ program }).stdout)
  end)
end)
