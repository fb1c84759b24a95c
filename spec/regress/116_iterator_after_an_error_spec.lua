-- Whoever called imap's iterator himself, and caught the error of an on_error or a
-- retry_delay function, waited for ever at the next call: a parcel was still counted
-- as under way. After an error of the task iterator the rest of the tasks was left
-- out, and the loop ended as if all were done.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local function boom() error("boom", 0) end

describe("An iterator of imap whose call has raised", function()
  helper.guard()

  local function task(x)
    if x % 3 == 0 then error("a multiple of three") end
    return x
  end

  local function failing_tasks()
    local i = 0
    return function()
      i = i + 1
      if i == 4 then boom() end
      return i < 7 and i or nil
    end
  end

  it("begins later if it was refused", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local first, second = pool:imap(task, { 1 }), pool:imap(task, { 2 })
    first()
    assert.is_false(pcall(second))
    assert.is_nil(first())
    assert.are.same({ 1, 2 }, { second() })
    assert.is_nil(second())
  end)

  local CALLS = {
    on_error = { options = { on_error = boom } },
    retry_delay = { options = { retries = 1, retry_delay = boom } },
    progress_bar = { options = { progress_bar = boom } },
    ["the tasks"] = { tasks = failing_tasks, options = { on_error = "collect" } },
  }
  for name, call in pairs(CALLS) do
    for _, method in ipairs { "imap", "imap_unordered" } do
      for _, n_jobs in ipairs { 2, 0 } do
        it(("is at its end: %s, %s, n_jobs = %d"):format(name, method, n_jobs), function()
          local pool <close> = WorkerPool { n_jobs = n_jobs, keep_alive = true }
          local tasks = call.tasks and call.tasks() or { 1, 2, 3, 4, 5, 6 }
          local step = pool[method](pool, task, tasks, call.options)
          local raised
          for _ = 1, 20 do
            local ok, message = pcall(step)
            if raised then assert.are.same({ true }, { ok, message }) end
            if not ok then
              assert.are.equal("boom", message)
              raised = true
            end
          end
          assert.is_true(raised)
          assert.are.equal(2, pool:map(task, { 1, 2 })[2])
        end)
      end
    end
  end
end)

-- A progress function that raised at the end of a call which was left kept that call's
-- tasks in the queue: the next one waited until workers had done them all.
describe("A call that is left", function()
  helper.guard()

  it("has taken back its tasks when its progress function raises", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local ran = workerpool.Value("q", 0)
    local function count(x)
      ran:add(1)
      require("workerpool.core").sleep(0.01)
      return x
    end
    local ok, message = pcall(function()
      for i in pool:imap(count, workerpool.range(400), {
        chunk_size = 200,
        progress_bar = function(p)
          if p.stopped then boom() end
        end,
      }) do
        if i == 1 then break end
      end
    end)
    assert.are.same({ false, "boom" }, { ok, message })
    local before = ran.value
    assert.are.equal(7, pool:map(function(x) return x end, { 7 })[1])
    assert.are.equal(before, ran.value)
  end)
end)
