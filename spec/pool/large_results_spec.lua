-- timeout: 120
-- Results that are larger than a piece of a ring: they come in pieces first,
-- then in blocks that the host lends to the worker.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool, range = workerpool.WorkerPool, workerpool.range

local KB = 1024

-- A text of its own for each task, of a size that depends on it.
local function text_of(i)
  local size = 200 * KB + (i * 7919 % 61) * 50 * KB
  return (("%08d"):format(i)):rep(size // 8)
end

local function check(results, n)
  for i = 1, n do
    assert(results[i] == text_of(i), ("result %d is not what it should be"):format(i))
  end
end

describe("Large results", function()
  helper.guard()

  for _, method in ipairs { "fork", "forkserver", "spawn", "threading" } do
    it("arrive whole and in order, start method " .. method, function()
      local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true, start_method = method }
      for _ = 1, 2 do check(pool:map(text_of, range(40)), 40) end
      local next_index = 1
      for i, text in pool:imap(text_of, range(40), { max_tasks_active = 6 }) do
        assert.are.equal(next_index, i)
        assert(text == text_of(i))
        next_index = i + 1
      end
      assert.are.equal(41, next_index)
    end)
  end

  it("arrive in one piece after a worker with a borrowed block was killed", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    check(pool:map(text_of, range(10)), 10)
    for round = 1, 10 do
      local results = pool:map(function(i)
        if i == 5 then
          -- At some moment while results of 3 MB are written.
          os.execute(("(sleep 0.00%d; kill -KILL $PPID) &"):format(round - 1))
          local parts = {}
          for k = 1, 12 do parts[k] = text_of(60) end
          return parts
        end
        return text_of(i)
      end, range(10), { on_error = "collect", chunk_size = 1 })
      for i = 1, 10 do
        assert(results[i] == text_of(i) or i == 5 or workerpool.is_error(results[i]))
      end
    end
    check(pool:map(text_of, range(10)), 10)
  end)

  it("are as good after the host has taken idle blocks back", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    check(pool:map(text_of, range(5)), 5)
    pool:apply(require("workerpool.core").sleep, { 0.6 })
    check(pool:map(text_of, range(5)), 5)
  end)

  it("take turns with small ones and with messages", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local heard = {}
    local results = pool:map(function(i)
      workerpool.emit(i % 3 == 0 and text_of(i) or i)
      return i % 2 == 0 and text_of(i) or i
    end, range(60), {
      on_message = function(i, what) heard[i] = what end,
    })
    for i = 1, 60 do
      assert(results[i] == (i % 2 == 0 and text_of(i) or i))
      assert(heard[i] == (i % 3 == 0 and text_of(i) or i))
    end
  end)
end)
