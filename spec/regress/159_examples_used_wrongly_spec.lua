-- jobqueue.lua waited for ever when any worker but the first failed; lookup.lua
-- took what is no number for nothing, and mandelbrot.lua did not see that the
-- end of its picture was lost.

local helper = require "spec.support.helper"

local function run(name, ...)
  return helper.run { helper.host, "run", "-j", "4", "examples/" .. name, ... }
end

describe("an example that is used wrongly", function()
  helper.guard()

  it("jobqueue.lua ends when a worker fails, whichever", function()
    local dir = helper.tmpdir()
    helper.write(dir .. "/a.h", '#include "folder"\n')
    os.execute("mkdir " .. dir .. "/folder")
    for _ = 1, 5 do
      local done = run("jobqueue.lua", dir .. "/a.h", dir)
      assert.are.same({ 1, "" }, { done.status, done.stdout })
      assert.matches("^jobqueue: [^\n]*Is a directory\n$", done.stderr)
    end
  end)

  it("lookup.lua wants whole numbers", function()
    for _, words in ipairs { { "x" }, { "1.5" }, { "10", "y" } } do
      local done = run("lookup.lua", table.unpack(words))
      assert.are.same({ 2, "lookup: wanted two positive numbers, entries and lines\n" },
        { done.status, done.stderr })
    end
  end)

  it("mandelbrot.lua says that its picture cannot be written, also a small one", function()
    local done = run("mandelbrot.lua", "/dev/full", "8", "8")
    assert.equal(1, done.status)
    assert.matches("No space left on device", done.stderr, 1, true)
  end)
end)
