-- Insights over the lives of workers: those that are kept, those that are
-- replaced, those that die.
-- timeout: 300

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local function nap(x)
  core.sleep(0.02)
  return x
end

local function sum(list)
  local total = 0
  for _, x in ipairs(list) do total = total + x end
  return total
end

describe("insights of workers that are kept", function()
  helper.guard()

  it("go on from call to call", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true, keep_alive = true }
    pool:map(nap, workerpool.range(4))
    local first = pool:get_insights()
    pool:map(nap, workerpool.range(6))
    local second = pool:get_insights()
    assert.are.equal(4, sum(first.n_completed_tasks))
    assert.are.equal(10, sum(second.n_completed_tasks))
    assert.is_true(second.total_working_time >= first.total_working_time + 0.118)
    for w = 1, 2 do
      assert.are.equal(first.start_up_time[w], second.start_up_time[w])
    end
  end)

  it("leave out the time between calls", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true, keep_alive = true }
    pool:map(nap, workerpool.range(4), { chunk_size = 1 })
    local before = pool:get_insights()
    core.sleep(1)
    local after = pool:get_insights()
    assert.is_near(before.total_waiting_time, after.total_waiting_time, 1e-6)
    pool:map(nap, workerpool.range(4), { chunk_size = 1 })
    local again = pool:get_insights()
    assert.is_true(again.total_waiting_time < before.total_waiting_time + 1)
  end)

  it("have the exit functions once the pool has ended", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true, keep_alive = true }
    pool:map(nap, { 1, 2 }, { worker_exit = function() core.sleep(0.05) end })
    assert.are.equal(0, pool:get_insights().total_exit_time)
    pool:stop_and_join()
    assert.is_true(pool:get_insights().total_exit_time >= 0.098)
    assert.are.equal(2, sum(pool:get_insights().n_completed_tasks))
  end)

  it("begin anew with new workers", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    pool:map(nap, workerpool.range(8))
    pool:map(nap, workerpool.range(3))
    local insights = pool:get_insights()
    assert.are.equal(3, sum(insights.n_completed_tasks))
    assert.are.equal(3, #insights.top_5_max_task_durations)
    pool:set_keep_alive()
    pool:map(nap, { 1 })
    pool:map(nap, { 1 }, { restart_workers = true })
    assert.are.equal(1, sum(pool:get_insights().n_completed_tasks))
  end)
end)

describe("insights of workers that are replaced", function()
  helper.guard()

  it("add up for each number", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    pool:map(nap, workerpool.range(12), {
      worker_lifespan = 2, chunk_size = 1,
      worker_init = function() core.sleep(0.01) end,
      worker_exit = function() core.sleep(0.01) end,
    })
    local insights = pool:get_insights()
    assert.are.equal(12, sum(insights.n_completed_tasks))
    assert.is_true(insights.total_working_time >= 0.238)
    -- Twelve tasks make at least six lives.
    assert.is_true(insights.total_init_time >= 0.058)
    assert.is_true(insights.total_exit_time >= 0.058)
  end)

  it("keep the longest tasks of earlier lives", function()
    local pool <close> = WorkerPool { n_jobs = 1, enable_insights = true }
    pool:map(function(x)
      core.sleep(x == 1 and 0.06 or 0.002)
    end, workerpool.range(20), { worker_lifespan = 1, chunk_size = 1 })
    local insights = pool:get_insights()
    assert.are.equal("1", insights.top_5_max_task_args[1])
    assert.are.equal(5, #insights.top_5_max_task_args)
  end)

  it("survive a worker that is killed", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    local pid_of = core.getpid
    local list = pool:map(function(x)
      core.sleep(0.02)
      if x == 7 then os.execute("kill -9 " .. pid_of()) end
      return x
    end, workerpool.range(12), { on_error = "collect", chunk_size = 4 })
    assert.are.equal("crash", list[7].kind)
    local insights = pool:get_insights()
    assert.are.equal(11, sum(insights.n_completed_tasks))
    assert.is_true(insights.total_working_time >= 0.22)
  end)

  it("count the time of a task that was too slow", function()
    local pool <close> = WorkerPool { n_jobs = 1, enable_insights = true }
    local list = pool:map(function(x)
      core.sleep(x == 2 and 60 or 0)
      return x
    end, { 1, 2, 3 }, { task_timeout = 0.2, on_error = "collect", chunk_size = 3 })
    assert.are.equal("timeout", list[2].kind)
    local insights = pool:get_insights()
    assert.is_true(insights.total_working_time >= 0.19)
    assert.is_true(insights.total_working_time < 30)
    assert.are.same({ 2 }, insights.n_completed_tasks)
  end)
end)

for _, method in ipairs { "fork", "forkserver", "spawn", "threading" } do
  describe("insights with start_method '" .. method .. "'", function()
    helper.guard()

    it("are the same", function()
      local pool <close> = WorkerPool {
        n_jobs = 2, enable_insights = true, start_method = method }
      pool:map(nap, workerpool.range(10), {
        chunk_size = 1,
        worker_init = function() core.sleep(0.02) end,
        worker_exit = function() core.sleep(0.02) end,
      })
      local insights = pool:get_insights()
      assert.are.equal(10, sum(insights.n_completed_tasks))
      assert.is_true(insights.total_working_time >= 0.198)
      assert.is_true(insights.total_working_time < 0.2 + 2 * helper.scale)
      assert.is_true(insights.total_init_time >= 0.038)
      assert.is_true(insights.total_exit_time >= 0.038)
      assert.is_true(insights.start_up_time[1] > 0)
      assert.are.equal(5, #insights.top_5_max_task_args)
    end)
  end)
end
