-- Whoever called imap's iterator himself, and caught the error of an on_error or a
-- retry_delay function, waited for ever at the next call: a parcel was still counted
-- as under way. After an error of the task iterator the rest of the tasks was left
-- out, and the loop ended as if all were done.

local helper = require "spec.support.helper"
local WorkerPool = require("workerpool").WorkerPool

describe("An iterator of imap whose call has raised", function()
  helper.guard()

  local function task(x)
    if x % 3 == 0 then error("a multiple of three") end
    return x
  end

  local function boom() error("boom", 0) end

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
