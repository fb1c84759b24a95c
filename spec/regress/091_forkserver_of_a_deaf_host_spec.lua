-- A host that ignored SIGCHLD had a forkserver that did so, too: it was not
-- told of its children's ends, which the host waited for, for ever.

local helper = require "spec.support.helper"
local programs = require "spec.support.programs"

describe("a host that ignores SIGCHLD", function()
  helper.guard()

  it("hears from its forkserver how workers ended", function()
    local path = programs.make [[
      local pool <close> = WorkerPool { n_jobs = 2, start_method = "forkserver" }
      local list = pool:map(function(x) if x == 3 then os.exit(5) end return x end, range(6),
        { chunk_size = 1, on_error = "collect" })
      print(list[1], list[3].exit_code, list[6])]]
    local done = helper.run({ "env", "--ignore-signal=CHLD", helper.lua, path }, { timeout = 20 })
    assert.is_nil(done.timed_out)
    assert.are.equal("1\t5\t6\n", done.stdout, done.stderr)
  end)
end)
