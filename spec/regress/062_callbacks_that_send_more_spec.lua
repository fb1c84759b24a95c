-- Workers were told to leave before their tasks were over. The task that the last
-- callback sent then was nobody's: it never ended, and `get` on it raised "bad argument
-- #2 to 'format'". A map that a callback made had workers that nobody told to leave.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local workerpool = require "workerpool"

local function same(...) return ... end

describe("stop_and_join", function()
  helper.guard()

  for n_jobs = 0, 3 do
    it(("finishes what callbacks send meanwhile, with %d workers"):format(n_jobs), function()
      local pool = workerpool.WorkerPool { n_jobs = n_jobs }
      local results = {}
      local function more(x)
        if x < 20 then results[x + 1] = pool:apply_async(same, { x + 1 }, { callback = more }) end
      end
      results[1] = pool:apply_async(same, { 1 }, { callback = more })
      pool:stop_and_join()
      for i = 1, 20 do assert.is_true(results[i]:successful()) end
      assert.are.same({}, helper.children())
    end)

    for _, keeps in ipairs { false, true } do
      it(("finishes the map of a callback, with %d workers, kept: %s"):format(n_jobs, keeps), function()
        local pool = workerpool.WorkerPool { n_jobs = n_jobs, keep_alive = keeps }
        local list
        for i = 1, 3 do
          pool:apply_async(same, { i }, { callback = i == 2 and function()
            list = pool:map(same, workerpool.range(50), { chunk_size = 1 })
          end or nil })
        end
        pool:stop_and_join()
        assert.are.equal(50, list[50])
        assert.are.same({}, helper.children())
      end)
    end
  end

  it("ends workers that a callback has started for another call", function()
    local pool = workerpool.WorkerPool { n_jobs = 1 }
    local last
    pool:apply_async(same, { 1 }, { callback = function()
      pool:terminate()
      last = pool:apply_async(same, { 2 })
    end })
    pool:stop_and_join()
    assert.are.equal(2, last:get())
    assert.are.same({}, helper.children())
  end)

  it("ends no task, and leaves none, where a worker's last words are the host's affair", function()
    local pool
    pool = workerpool.WorkerPool { n_jobs = 1, output_prefix = function()
      error("prefix", 0)
    end }
    local result = pool:apply_async(function() io.stdout:write("no newline") end)
    assert.are.same({ false, "prefix" }, { pcall(pool.stop_and_join, pool) })
    assert.is_nil(result:get())
    assert.are.same({}, helper.children())
  end)
end)

describe("a callback that waits", function()
  helper.guard()

  it("for what only the successor of a dead worker can do", function()
    local pool = workerpool.WorkerPool { n_jobs = 2, order_tasks = true }
    local got = 0
    for _ = 1, 2 do
      pool:apply_async(os.exit, { 3 }, { error_callback = function()
        for i = 1, 4 do
          assert(pool:apply(same, { i }) == i)
          got = got + 1
        end
      end })
    end
    pool:stop_and_join()
    assert.are.equal(8, got)
  end)

  it("for its own task, in on_output", function()
    local pool = workerpool.WorkerPool { n_jobs = 1, output = "capture" }
    local result, kind
    result = pool:apply_async(function()
      print("x")
      io.stdout:flush()
      os.exit(3)
    end, {}, { on_output = function() kind = select(2, pcall(result.get, result)).kind end })
    assert.is_true(result:wait())
    assert.are.equal("crash", kind)
    pool:stop_and_join()
  end)
end)

describe("a call that needs other workers", function()
  helper.guard()

  it("leaves none behind when callbacks of the old ones have sent more", function()
    local pool = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
    local results = {}
    for i = 1, 3 do
      results[i] = pool:apply_async(same, { i }, { callback = function(x)
        pool:terminate()
        results[x + 3] = pool:apply_async(same, { x })
      end })
    end
    assert.are.same({ 9, n = 1 }, pool:map(same, { 9 }, { restart_workers = true }))
    pool:stop_and_join()
    for i = 1, 6 do if results[i] then assert.is_true(results[i]:ready()) end end
    assert.are.same({}, helper.children())
  end)

  it("waits for those that are in the midst of a loop", function()
    local pool = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
    local seen = 0
    for i in pool:imap(function(...) return select("#", ...) end, workerpool.range(50), { chunk_size = 1 }) do
      seen = i
      pool:pass_on_worker_id(i % 2 == 0)
      assert.are.equal(i, pool:apply(function(...) return (select(-1, ...)) end, { i }))
    end
    assert.are.equal(50, seen)
    pool:stop_and_join()
    core.sleep(0)
    assert.are.same({}, helper.children())
  end)
end)
