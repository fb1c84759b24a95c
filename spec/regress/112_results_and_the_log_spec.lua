-- `workerpool map`: a result that had been printed stayed in a buffer until the next
-- one came, an hour later perhaps; of a run that was killed the joblog had tasks as
-- done whose results were gone with that buffer, and --resume passed them over; a
-- full disk under the joblog was not noticed; a directory in its place was a fault.

local helper = require "spec.support.helper"

describe("workerpool map", function()
  helper.guard()

  local SLOW = 'x == "3" and require("workerpool.core").sleep(60) or x'

  local function start(...)
    return helper.start({ helper.host, "map", "-j1", SLOW, ... }, { stdin = "1\n2\n3\n" })
  end

  local function kill(program)
    program:kill()
    program:wait(20)
  end

  for _, options in ipairs { "--no-progress", "--unordered", "--progress", "--halt=now,fail=1" } do
    it("prints what there is while a task is slow: " .. options, function()
      local program = start(options)
      local printed = helper.eventually(function() return program:stdout() == "1\n2\n" end, 20)
      kill(program)
      assert.is_true(printed)
    end)
  end

  it("has printed what the joblog has as done", function()
    local log = helper.tmpdir() .. "/log"
    local program = start("--joblog", log)
    assert.is_true(helper.eventually(function()
      local text = helper.run("cat " .. log).stdout
      return select(2, text:gsub("\tok\t", "")) == 2
    end, 20))
    local printed = program:stdout()
    kill(program)
    assert.are.equal("1\n2\n", printed)
  end)

  it("says that the joblog cannot be written, or read", function()
    local done = helper.run({ helper.host, "map", "--joblog", "/dev/full", "x" }, { stdin = "1\n" })
    assert.are.equal(2, done.status)
    assert.matches("cannot write /dev/full: No space left on device", done.stderr, 1, true)
    local dir = helper.tmpdir()
    done = helper.run({ helper.host, "map", "--joblog", dir, "--resume", "x" }, { stdin = "1\n" })
    assert.are.equal(2, done.status)
    assert.matches("cannot read " .. dir .. ": Is a directory", done.stderr, 1, true)
    assert.not_matches("traceback", done.stderr, 1, true)
  end)
end)
