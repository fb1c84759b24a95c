-- A call whose first chunks all held tasks that cannot be sent waited for ever: it
-- had sent as much as it may at once, none of it to a worker.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("A call of which nothing can be sent", function()
  helper.guard()

  local function same(x) return x end

  -- So many that do not travel, and a number behind every 50th.
  local function tasks(n)
    local list = {}
    for i = 1, n do list[i] = i % 50 == 0 and i or { io.stdout } end
    return list
  end

  local function check(results, n)
    for i = 1, n do
      if i % 50 == 0 then
        assert.are.equal(i, results[i])
      else
        assert.are.equal("encode", results[i].kind)
        assert.are.equal(i, results[i].task_index)
      end
    end
  end

  local function collected(pool, method, list, opts)
    local results, n = {}, 0
    for index, value in pool[method](pool, same, list, opts) do
      n = n + 1
      results[index] = value
    end
    assert.are.equal(#list, n)
    return results
  end

  for _, n_jobs in ipairs { 0, 1, 2 } do
    for _, chunk_size in ipairs { false, 1, 7 } do
      local name = ("n_jobs = %d, chunk_size = %s: "):format(n_jobs, chunk_size)
      local opts = { on_error = "collect", chunk_size = chunk_size or nil }
      local function pool() return workerpool.WorkerPool { n_jobs = n_jobs } end

      it(name .. "map goes on", function()
        local p <close> = pool()
        check(p:map(same, tasks(30), opts), 30)
        check(p:map(same, tasks(3000), opts), 3000)
      end)

      it(name .. "map_unordered goes on", function()
        local p <close> = pool()
        assert.are.equal(3000, p:map_unordered(same, tasks(3000), opts).n)
      end)

      for _, method in ipairs { "imap", "imap_unordered" } do
        it(name .. method .. " goes on", function()
          local p <close> = pool()
          check(collected(p, method, tasks(3000), opts), 3000)
        end)
      end
    end
  end

  it("asks on_error about each, and retries none", function()
    local asked = 0
    local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
    local results = pool:map(same, tasks(49), {
      retries = 3,
      on_error = function(err)
        asked = asked + 1
        return "skip", err.attempt
      end,
    })
    assert.are.equal(49, asked)
    for i = 1, 49 do assert.are.equal(1, results[i]) end
  end)

  it("waits for its turn behind tasks of others", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local applied = {}
    for i = 1, 20000 do applied[i] = pool:apply_async(same, { i }) end
    check(pool:map(same, tasks(100), { on_error = "collect", chunk_size = 1 }), 100)
    for i = 1, 20000 do assert(applied[i]:get() == i) end
  end)
end)
