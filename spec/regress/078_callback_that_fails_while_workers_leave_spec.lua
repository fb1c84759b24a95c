-- A callback that failed while a pool was joined broke the joining off: what was told to
-- one worker alone, which had died just then, was never done, and its get failed with
-- words about a number that was not there.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("a pool that is joined", function()
  helper.guard()

  local function work(i) return i % 3 == 0 and os.exit(2) or i end

  for _, method in ipairs { "fork", "threading" } do
    it("does all that was asked of it, and then says what a callback raised: " .. method, function()
      for _ = 1, 10 do
        local pool = workerpool.WorkerPool { n_jobs = 2, order_tasks = true, start_method = method }
        local results, told = {}, 0
        local function fail()
          told = told + 1
          error("from a callback", 0)
        end
        for i = 1, 20 do
          results[i] = pool:apply_async(work, { i }, { callback = fail, error_callback = fail })
        end
        local ok, err = pcall(pool.stop_and_join, pool)
        assert.is_false(ok)
        assert.are.equal("from a callback", err)
        assert.are.equal(20, told)
        for i = 1, 20 do
          local fine, value = pcall(results[i].get, results[i])
          assert.are.equal(i % 3 == 0 and "crash" or i, fine and value or value.kind)
        end
        pool:stop_and_join()
      end
    end)
  end

  it("lets a callback use it, and waits for that, too", function()
    for _ = 1, 5 do
      local pool = workerpool.WorkerPool { n_jobs = 2, order_tasks = true }
      local told, more = 0, {}
      local function ask()
        told = told + 1
        assert.are.equal(7, pool:apply(function(x) return x end, { 7 }))
        more[told] = pool:apply_async(work, { 8 })
      end
      for i = 1, 10 do
        pool:apply_async(work, { i }, { callback = ask, error_callback = ask })
      end
      pool:stop_and_join()
      assert.are.equal(10, told)
      for _, result in ipairs(more) do assert.are.equal(8, result:get()) end
    end
  end)
end)
