-- A task that failed in a chunk of which some results had come in earlier was
-- tried again with the arguments of another task.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("a task that fails late in a chunk whose results come in parts", function()
  helper.guard()

  it("is tried again with its own arguments", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local dir = helper.tmpdir()
    local list = pool:map(function(x)
      local path = dir .. "/" .. x
      if x % 7 == 0 and not io.open(path) then
        io.open(path, "w"):close()
        error("once")
      end
      -- Larger than a piece of the ring: results are sent as they come.
      return x, ("r"):rep(300000)
    end, workerpool.range(30), { chunk_size = 30, retries = 1 })
    for i = 1, 30 do assert.are.equal(i, list[i]) end
  end)
end)
