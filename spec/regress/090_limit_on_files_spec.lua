-- A host with a limit on the size of files (ulimit -f) was killed by SIGXFSZ as
-- it made a pool, or something shared: their memory is a file without a name.

local helper = require "spec.support.helper"
local programs = require "spec.support.programs"

local function run(mib, source)
  local limit = "--fsize=" .. mib * 1024 * 1024
  return helper.run({ "prlimit", limit, helper.lua, (programs.make(source)) }, { timeout = 20 })
end

describe("a host that may not make large files", function()
  helper.guard()

  for _, method in ipairs { "fork", "spawn", "forkserver", "threading" } do
    it("has a pool, and shares memory: " .. method, function()
      local done = run(200, ([[
        local list = workerpool.Array("q", 3)
        local pool <close> = WorkerPool { n_jobs = 2, start_method = %q }
        pool:map(function(i) list[i] = i * i end, range(3))
        print(list[3], #pool:map(function(x) return ("x"):rep(x) end, { 3000000 })[1])]]):format(method))
      assert.are.equal("9\t3000000\n", done.stdout, done.stderr)
      assert.are.equal(0, done.status)
    end)
  end

  it("is told so when there is no room for the smallest", function()
    local done = run(1, [[
      print(pcall(workerpool.Array, "q", 3))
      local pool <close> = WorkerPool { n_jobs = 1 }
      print(pcall(pool.map, pool, same, range(3)))]])
    assert.matches("^false\t[^\n]*cannot make shared memory: File too large\n"
      .. "false\t[^\n]*cannot open a pool: File too large\n$", done.stdout)
    assert.are.equal(0, done.status)
  end)
end)
