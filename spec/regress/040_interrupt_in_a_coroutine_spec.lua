-- The hook that Ctrl-C sets is the main state's: a map that was called in a
-- coroutine never heard of it.

local helper = require "spec.support.helper"
local moments = require "spec.signals.moments"

describe("Ctrl-C during a map in a coroutine", function()
  helper.guard()

  it("is raised there, and again where the coroutine was resumed", function()
    local host = moments.start([[
      local pool <close> = WorkerPool { n_jobs = 2 }
      local co = coroutine.create(function() pool:map(wait, range(9), { chunk_size = 1 }) end)
      local ok, message = coroutine.resume(co)
      print(ok, message)]], { helper.host, "run" })
    host:reach(2)
    host:signal("INT")
    assert.are.same({ 130, "" }, { host:wait().status, host.program:stdout() })
    assert.is_true(host:all_gone())
  end)
end)
