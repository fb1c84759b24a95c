-- A worker whose death made a callback raise an error was not replaced; with
-- order_tasks what was for this worker waited for ever.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("a worker that died", function()
  helper.guard()

  it("is replaced also when an error_callback fails", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2, order_tasks = true }
    local results, caught = {}, 0
    local function work(x) return x == 3 and os.exit(3) or x end
    local function fail() error("from a callback", 0) end
    for i = 1, 20 do
      results[i] = pool:apply_async(work, { i }, { error_callback = fail })
    end
    for i = 1, 20 do
      local ok, value = pcall(results[i].get, results[i])
      if not ok and value == "from a callback" then
        caught = caught + 1
        ok, value = pcall(results[i].get, results[i])
      end
      assert.are.equal(i ~= 3, ok)
      if ok then assert.are.equal(i, value) else assert.are.equal("crash", value.kind) end
    end
    assert.are.equal(1, caught)
  end)
end)
