-- An interpreter sets a handler of its own for SIGINT, whatever it inherits: the
-- server of start_method = "forkserver" passed Ctrl-C on to the workers that it
-- forked afterwards, and each of them wrote a message and died.

local helper = require "spec.support.helper"
local moments = require "spec.signals.moments"

describe("Ctrl-C that a host catches", function()
  helper.guard()

  for _, method in ipairs { "forkserver", "spawn" } do
    it("is nothing to workers: " .. method, function()
      if helper.sanitized then return end -- that interpreter does not make an error of it
      local host = moments.start(([[
        local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true, start_method = %q }
        local function same(x) return x end
        local ok, message = pcall(pool.map, pool, wait, range(9), { chunk_size = 1 })
        print(ok, message:match("interrupted!"), pool:map(same, range(30))[30])
        ]]):format(method), helper.lua)
      host:reach(2)
      host:signal_group("INT")
      local result = host:wait()
      assert.are.same({ "false\tinterrupted!\t30\n", "" }, { result.stdout, result.stderr })
      assert.is_true(host:all_gone())
    end)
  end
end)
