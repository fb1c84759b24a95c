-- A program that was executed for a pool, ran on, and knew nothing of pools was
-- waited for until its end: $WORKERPOOL_PROGRAM with the host's own window, say.

local helper = require "spec.support.helper"

describe("a program for workers that does not join", function()
  helper.guard()

  local function output(method, ...)
    local program = helper.compile("spec/support/fixtures/stranger.c")
    return helper.run({ program, method, ... }).stdout
  end

  it("is killed: spawn", function()
    assert.are.equal("60000 ms\nsuccess\nexit, strange 1, signal 9, phase 0\n",
      output("spawn", "700", "/bin/sleep", "100"))
  end)

  it("is killed: forkserver", function()
    assert.are.equal("60000 ms\nConnection timed out\n", output("server", "700", "/bin/sleep", "100"))
  end)

  it("is not the host that is called nearly like lua; an interpreter may be named", function()
    local host = helper.tmpdir() .. "/luanti"
    assert(os.execute(("cp \"$(command -v '%s')\" '%s'"):format(helper.lua, host)))
    local function map(interpreter)
      return helper.run({ host, "-e", [[
        local workerpool = require "workerpool"
        local pool <close> = workerpool.WorkerPool { n_jobs = 1, start_method = "spawn" }
        print(pool:map(math.sqrt, { 16 })[1])
      ]] }, { env = { WORKERPOOL_PROGRAM = interpreter } })
    end
    local found = helper.run("command -v '" .. helper.lua .. "'").stdout:match("[^\n]+")
    assert.are.same({ 0, "4.0\n" }, { map(found).status, map(found).stdout })
    assert.matches("luanti is no Lua interpreter; set $WORKERPOOL_PROGRAM", map().stderr, 1, true)
  end)

  it("may also come to its end", function()
    assert.are.equal("60000 ms\nsuccess\nexit, strange 0, signal 0, phase 0\n",
      output("spawn", "0", "/bin/true"))
  end)
end)
