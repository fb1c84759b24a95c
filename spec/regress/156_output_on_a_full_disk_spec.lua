-- A script whose output could not be written had succeeded.

local helper = require "spec.support.helper"

local program = helper.host

describe("output that cannot be written", function()
  helper.guard()

  local function run(script, into)
    local path = helper.write(helper.tmpdir() .. "/script.lua", script)
    local done = helper.run(("%s run %s %s"):format(helper.quote(program), path, into))
    return done.status, done.stderr
  end

  local FULL = "workerpool: cannot write the output: No space left on device\n"

  for name, script in pairs {
    ["at the end"] = "io.write 'text'",
    ["at os.exit"] = "io.write 'text' os.exit(true, true)",
    ["beside workers"] = "io.write(require 'workerpool'.WorkerPool { n_jobs = 1 }:map(math.sqrt, { 4 })[1])",
  } do
    it("is an error of the program " .. name, function()
      assert.are.same({ 1, FULL }, { run(script, ">/dev/full") })
    end)
  end

  it("is one also if it was noticed before", function()
    assert.are.same({ 1, "workerpool: cannot write the output: an earlier part of it is lost\n" },
      { run("print 'text'", ">/dev/full") })
  end)

  it("is one of a stream that is closed, but only when something is printed", function()
    assert.are.same({ 1, "workerpool: cannot write the output: Bad file descriptor\n" },
      { run("io.write 'text'", ">&-") })
    assert.are.same({ 0, "" }, { run("return 1", ">&-") })
  end)

  it("adds nothing to an error that has been told", function()
    local status, stderr = run("io.write 'text' error('wrong', 0)", ">/dev/full")
    assert.equal(1, status)
    assert.matches("^workerpool: wrong\n", stderr)
    assert.not_matches("cannot write", stderr)
  end)
end)
