-- n_jobs = 0: everything in the calling process.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

describe("n_jobs = 0", function()
  helper.guard()

  it("runs every task in the calling process", function()
    local pool <close> = WorkerPool { n_jobs = 0 }
    local pids = pool:map(function() return core.getpid() end, { 1, 2, 3 })
    assert.are.same({ core.getpid(), core.getpid(), core.getpid(), n = 3 }, pids)
  end)

  it("gives what workers give, for all four calls", function()
    local pool <close> = WorkerPool { n_jobs = 0 }
    local function divide(a, b) return a // b, a % b end
    local tasks = { { 7, 2 }, { 9, 3 } }
    assert.are.same({ { 3, 3, n = 2 }, { 1, 0, n = 2 } }, { pool:map(divide, tasks) })
    assert.are.same({ { 3, 3, n = 2 }, { 1, 0, n = 2 } },
      { pool:map_unordered(divide, tasks) })
    for _, name in ipairs { "imap", "imap_unordered" } do
      local seen = {}
      for i, q, r in pool[name](pool, divide, tasks) do seen[i] = { q, r } end
      assert.are.same({ { 3, 1 }, { 3, 0 } }, seen)
    end
  end)

  it("sends values through the same codec: tasks see copies", function()
    local pool <close> = WorkerPool { n_jobs = 0 }
    local task = { x = 1 }
    pool:map(function(t) t.x = 2 end, { task })
    assert.are.equal(1, task.x)
    local ok, err = pcall(pool.map, pool, function() return io.stdout end, { 1 })
    assert.is_false(ok)
    assert.matches("cannot send result", err.message)
  end)

  it("raises the same errors with the traceback of the task", function()
    local pool <close> = WorkerPool { n_jobs = 0 }
    local function culprit() error("here") end
    local ok, err = pcall(pool.map, pool, function(x)
      culprit(x)
      return 1
    end, { 5 })
    assert.is_false(ok)
    assert.are.equal("error", err.kind)
    assert.are.equal(1, err.task_index)
    assert.are.equal("5", err.args)
    assert.matches("culprit", err.traceback)
    assert.is_nil(err.traceback:find("worker.lua", 1, true))
  end)

  it("leaves the caller's random numbers and functions alone", function()
    local seeder, exit = math.randomseed, os.exit
    local pool <close> = WorkerPool { n_jobs = 0, seed = 3 }
    math.randomseed(99)
    pool:map(function() return math.random() end, { 1 })
    local a = math.random()
    math.randomseed(99)
    pool:map(function() return math.random() end, { 1 })
    assert.are.equal(a, math.random())
    assert.are.equal(seeder, math.randomseed)
    assert.are.equal(exit, os.exit)
    assert.is_false(workerpool.is_worker())
  end)

  it("pulls lazily, too", function()
    local pool <close> = WorkerPool { n_jobs = 0 }
    local pulled = 0
    for i in pool:imap(function(x) return x end, function()
      pulled = pulled + 1
      return pulled
    end, { max_tasks_active = 3 }) do
      if i == 10 then break end
    end
    assert.is_true(pulled <= 13)
  end)

  it("may be used inside a worker of a daemon pool", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local list = pool:map(function(x)
      local inner <close> = WorkerPool { n_jobs = 0 }
      return inner:map(function(y) return y + 1 end, { x })[1]
    end, { 1, 2 })
    assert.are.same({ 2, 3, n = 2 }, list)
  end)
end)
