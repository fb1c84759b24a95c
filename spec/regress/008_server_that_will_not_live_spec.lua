-- "cannot start worker 0: the pool is closed" was what a user read whose
-- program for workers ended at once.

local helper = require "spec.support.helper"

describe("a program that ends at once in place of a forkserver", function()
  helper.guard()

  it("is what the error speaks of", function()
    local dir = helper.tmpdir()
    local host = dir .. "/game" -- a host that embeds Lua has a name of its own
    assert(os.execute(("cp \"$(command -v '%s')\" '%s'"):format(helper.lua, host)))
    local result = helper.run({ host, "-e", [[
      local workerpool = require "workerpool"
      local pool <close> = workerpool.WorkerPool { n_jobs = 2, start_method = "forkserver" }
      print(select(2, pcall(pool.map, pool, math.sqrt, { 1 })))
    ]] }, { env = { WORKERPOOL_PROGRAM = "/bin/false" } })
    assert.are.equal(0, result.status, result.stderr)
    assert.matches("cannot start worker 0", result.stdout, 1, true)
    assert.matches("the forkserver ends as often as it is started", result.stdout, 1, true)
  end)
end)
