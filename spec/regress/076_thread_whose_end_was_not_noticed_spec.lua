-- A thread says that it has ended by closing its end of a socket. A process that another
-- thread had forked meanwhile, such as a worker of a nested pool, had a copy of it: the
-- end was not noticed, and the call waited for ever.

local helper = require "spec.support.helper"

local PROGRAM = [[
  local workerpool = require "workerpool"
  local pool <close> = workerpool.WorkerPool {
    n_jobs = 2, start_method = "threading", daemon = false, use_worker_state = true }

  local function init(state)
    state.inner = require("workerpool").WorkerPool { n_jobs = 1, keep_alive = true }
    state.inner:apply(tostring, { 1 })
    state.inner:apply_async(function() while true do end end)
  end

  local function work(_, x)
    if x == 3 then os.exit(3) end
    if x == 5 then while true do end end
    return x
  end

  local list = pool:map(work, workerpool.range(8), {
    worker_init = init, chunk_size = 1, task_timeout = 0.5, on_error = "collect" })
  for i = 1, 8 do
    local value = list[i]
    print(workerpool.is_error(value) and value.kind or value)
  end
]]

describe("the end of a thread", function()
  helper.guard()

  it("is noticed whatever other threads have forked", function()
    local result = helper.run({ helper.lua, "-e", PROGRAM }, { timeout = 60 })
    assert.are.equal("1\n2\ncrash\n4\ntimeout\n6\n7\n8\n", result.stdout, result.stderr)
    assert.are.equal(0, result.status)
  end)
end)
