-- An on_error or a retry_delay that used the pool itself had the task tried again with
-- the arguments of another, or with nil and the words of an error: the arguments were
-- read from whatever event had come last.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("a task that is tried again", function()
  helper.guard()

  local function fail_once(counts, i, text)
    if counts:add(i, 1) == 1 then error("once", 0) end
    return i .. text
  end

  for _, n_jobs in ipairs { 0, 2 } do
    for _, way in ipairs { "on_error", "retry_delay" } do
      it(("has its own arguments when %s uses the pool, n_jobs = %d"):format(way, n_jobs), function()
        local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs, keep_alive = true }
        local counts, tasks, asked = workerpool.Array("i", 40), {}, 0
        for i = 1, 40 do tasks[i] = { counts, i, "." } end
        local function use_the_pool()
          asked = asked + 1
          local n = asked
          assert.are.equal(2 * n, pool:apply(function(x) return 2 * x end, { n }))
        end
        local list = pool:map(fail_once, tasks, {
          chunk_size = 10, retries = way == "retry_delay" and 1 or 0,
          on_error = way == "on_error" and function() use_the_pool() return "retry" end or nil,
          retry_delay = way == "retry_delay" and function() use_the_pool() return 0 end or nil,
        })
        for i = 1, 40 do
          assert.are.equal(i .. ".", list[i])
          assert.are.equal(2, counts[i])
        end
        assert.are.equal(40, asked)
      end)
    end
  end
end)
