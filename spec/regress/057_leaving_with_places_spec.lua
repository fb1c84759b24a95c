-- With order_tasks a pool that was joined waited for ever when a worker died meanwhile:
-- tasks that were for this worker alone had nobody to do them, or the wrong worker was
-- started over and over; and a task that was tried again was for one that had left.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("A pool with order_tasks that is joined", function()
  helper.guard()

  local function work(counts, i, kind)
    local attempt = counts:add(i, 1)
    if kind == "crash" then os.exit(3) end
    if kind == "crash once" and attempt == 1 then os.exit(4) end
    if kind == "fail once" and attempt == 1 then error("once") end
    return i
  end

  local KINDS = { "fine", "crash", "fail once", "crash once", "fine" }

  for n_jobs = 1, 4 do
    it(("does all that was asked of %d workers, whoever dies"):format(n_jobs), function()
      for round = 1, 12 do
        local pool = workerpool.WorkerPool { n_jobs = n_jobs, order_tasks = true }
        local n = 3 * round
        local counts, results = workerpool.Array("i", n), {}
        for i = 1, n do
          local kind = KINDS[(i * 7 + round) % #KINDS + 1]
          results[i] = pool:apply_async(work, { counts, i, kind }, { retries = 1 })
        end
        pool:stop_and_join()
        for i = 1, n do
          local kind = KINDS[(i * 7 + round) % #KINDS + 1]
          local ok, value = pcall(results[i].get, results[i])
          assert.are.equal(kind ~= "crash", ok)
          if ok then assert.are.equal(i, value) else assert.are.equal("crash", value.kind) end
          assert.are.equal(kind == "fine" and 1 or 2, counts[i])
        end
      end
    end)
  end
end)
