-- An ordered iterator runs ahead of a slow task only so far. A task that was to
-- be tried again, after a delay, counted as new work: once the window was full
-- of results that waited for it, it was never sent, and the loop stood still.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("a task that is tried again when the window is full", function()
  helper.guard()

  it("is sent", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
    local tries = workerpool.Value("i", 0)
    local n, sum = 0, 0
    for _, x in pool:imap(function(x)
      if x == 1 and tries:add(1) == 1 then error("once") end
      return x
    end, workerpool.range(2000), { chunk_size = 1, retries = 1, retry_delay = 0.5 }) do
      n, sum = n + 1, sum + x
    end
    assert.are.same({ 2000, 2001000 }, { n, sum })
  end)
end)
