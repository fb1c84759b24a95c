-- Of several failures in one chunk an on_error function was told in the order of a
-- table's keys, and of all of them also when it had said "raise" to the first; with
-- retries the error that ended a call was that of any.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("Several failures in one chunk", function()
  helper.guard()

  local function fail(x) if x % 7 == 0 then error("a multiple of seven") end end
  local tasks, options = workerpool.range(100000), { chunk_size = 25000 }

  local function with(more)
    for name, value in pairs(options) do more[name] = value end
    return more
  end

  for _, method in ipairs { "map", "map_unordered" } do
    it("are told in the order of their tasks, " .. method, function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
      local told = {}
      pool[method](pool, fail, tasks, with { on_error = function(err)
        told[#told + 1] = err.task_index
        return "skip"
      end })
      assert.are.equal(100000 // 7, #told)
      for i, index in ipairs(told) do assert.are.equal(7 * i, index) end
    end)

    it("are told up to the first that ends the call, " .. method, function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
      local told = 0
      local ok, err = pcall(pool[method], pool, fail, tasks, with { on_error = function(err)
        told = told + 1
        return err.task_index > 30000 and "raise" or "skip"
      end })
      assert.is_false(ok)
      assert.are.same({ 30002, 30002 // 7 }, { err.task_index, told })
    end)
  end

  it("end the call by the first, also after retries", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
    local _, err = pcall(pool.map, pool, fail, workerpool.range(24998, 60000),
      with { retries = 1 })
    assert.are.same({ 7, 2 }, { err.task_index, err.attempt })
  end)
end)

describe("Tasks that have been tried again", function()
  helper.guard()

  it("are forgotten when they are over, so that a call without end keeps its memory", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2, use_worker_state = true }
    local function second_time(state, x)
      if x % 4 == 0 then error("never") end
      if not state[x] then
        state[x] = true
        error("not yet")
      end
      return x
    end
    local run
    for i in pool:imap(second_time, workerpool.range(300), { retries = 2, on_error = "collect" }) do
      run = pool.run
      if i == 300 then break end
    end
    local left = 0
    for _ in pairs(run.attempts) do left = left + 1 end
    assert.are.equal(0, left)
  end)
end)
