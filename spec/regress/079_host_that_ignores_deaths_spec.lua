-- In a process that ignores SIGCHLD a pool with a forkserver waited for ever: the server
-- had inherited that, and never learned how its own children ended.

local helper = require "spec.support.helper"

local PROGRAM = [[
  package.cpath = %q .. package.cpath
  require("misdeeds").turn_deaf()
  local workerpool = require "workerpool"
  local pool <close> = workerpool.WorkerPool { n_jobs = 2, start_method = %q }
  local list = pool:map(function(x) return x == 2 and os.exit(3) or x end, { 1, 2, 3 },
    { on_error = "collect" })
  print(list[1], list[2].kind, list[3])
]]

describe("a host that ignores all signals", function()
  helper.guard()

  for _, method in ipairs { "fork", "forkserver", "spawn" } do
    it("learns of crashes and ends: " .. method, function()
      local path = helper.shared_object("spec/support/fixtures/misdeeds.c") .. ";"
      local result = helper.run({ helper.lua, "-e", PROGRAM:format(path, method) }, { timeout = 60 })
      assert.are.equal("1\tcrash\t3\n", result.stdout, result.stderr)
      assert.are.equal(0, result.status)
    end)
  end
end)
