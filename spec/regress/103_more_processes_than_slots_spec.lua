-- The heap of shared objects has a slot for each process that uses it. Those of dead
-- processes were not looked for when a process was forked: after some thousand workers,
-- the next one had none, and died when it made a slice, for the index of its slot was
-- that of no slot.

local helper = require "spec.support.helper"

describe("A pool whose workers live for one task", function()
  helper.guard()

  -- Little address space means few slots: 512. A sanitizer needs a lot, and has more
  -- slots than this has workers.
  it("may have more of them than there are slots", function()
    local program = helper.write(helper.tmpdir() .. "/p.lua", [[
      local workerpool = require "workerpool"
      local array = workerpool.Array("q", 8)
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      local results = pool:map(function(i)
        local slice = array:slice(3, 4)
        slice:add(1)
        return i
      end, workerpool.range(600), { chunk_size = 1, worker_lifespan = 1 })
      print(#results, array[3])
    ]])
    local limit = helper.sanitized and "" or "ulimit -v 400000; "
    local done = helper.run(("%sexec %s %s"):format(limit, helper.lua, program))
    assert.are.equal("600\t600\n", done.stdout, done.stderr)
  end)
end)
