-- What get_insights says about one call.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local PARTS = { "start_up", "init", "waiting", "working", "exit" }
local DETAILS = { "waiting_input", "waiting_decode", "waiting_encode", "waiting_transfer" }

local function nap(x)
  core.sleep(0.02)
  return x
end

local function same(x) return x end

local function sum(list)
  local total = 0
  for _, x in ipairs(list) do total = total + x end
  return total
end

-- A time that was slept: never shorter, longer only where the machine is busy.
local function assert_about(expected, got)
  assert.is_true(got >= expected - 0.002, ("%g, wanted at least %g"):format(got, expected))
  assert.is_true(got < expected + 1.5 * helper.scale, ("%g, wanted %g"):format(got, expected))
end

describe("get_insights", function()
  helper.guard()

  it("is an empty table unless insights were asked for", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    assert.are.same({}, pool:get_insights())
    pool:map(same, { 1, 2 })
    assert.are.same({}, pool:get_insights())
  end)

  it("is all zeros before the first call", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    local insights = pool:get_insights()
    assert.are.same({ 0, 0 }, insights.n_completed_tasks)
    assert.are.same({}, insights.top_5_max_task_durations)
    assert.are.equal(0.0, insights.total_time)
    assert.are.equal(0.0, insights.working_ratio)
  end)

  it("has an entry for each worker, and totals, means and ratios that agree", function()
    local pool <close> = WorkerPool { n_jobs = 3, enable_insights = true }
    pool:map(nap, workerpool.range(9), { chunk_size = 1 })
    local insights = pool:get_insights()
    assert.are.equal(9, sum(insights.n_completed_tasks))
    local total, ratios = 0, 0
    for _, part in ipairs(PARTS) do
      local times = insights[part .. "_time"]
      assert.are.equal(3, #times)
      assert.is_near(sum(times), insights["total_" .. part .. "_time"], 1e-9)
      assert.is_near(sum(times) / 3, insights[part .. "_time_mean"], 1e-9)
      assert.is_true(insights[part .. "_time_std"] >= 0)
      total = total + insights["total_" .. part .. "_time"]
      ratios = ratios + insights[part .. "_ratio"]
    end
    assert.is_near(total, insights.total_time, 1e-9)
    assert.is_near(1, ratios, 1e-6)
  end)

  it("splits waiting into parts that make up the whole", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    pool:map(function(s) return s .. s end, { ("x"):rep(100000), ("y"):rep(100000), "z" })
    local insights = pool:get_insights()
    local total = 0
    for _, part in ipairs(DETAILS) do
      assert.is_true(insights["total_" .. part .. "_time"] >= 0)
      total = total + insights["total_" .. part .. "_time"]
    end
    assert.is_near(insights.total_waiting_time, total, 1e-6)
    assert.is_true(insights.total_waiting_decode_time > 0)
    assert.is_true(insights.total_waiting_encode_time > 0)
  end)

  it("knows how long tasks, init and exit have taken", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    local function pause() core.sleep(0.05) end
    pool:map(nap, workerpool.range(20), {
      chunk_size = 1, worker_init = pause, worker_exit = pause })
    local insights = pool:get_insights()
    assert_about(0.4, insights.total_working_time)
    for w = 1, 2 do
      assert_about(0.05, insights.init_time[w])
      assert_about(0.05, insights.exit_time[w])
      assert.is_true(insights.start_up_time[w] > 0)
    end
  end)

  it("takes short tasks for what they are, too", function()
    local pool <close> = WorkerPool { n_jobs = 1, enable_insights = true }
    local began = core.now()
    pool:map(same, workerpool.range(200000))
    local wall, insights = core.now() - began, pool:get_insights()
    assert.are.same({ 200000 }, insights.n_completed_tasks)
    assert.is_true(insights.total_working_time > 0)
    assert.is_true(insights.total_working_time < wall)
    assert.is_true(insights.total_time < wall)
  end)

  it("counts waiting for a slow iterator as waiting for input", function()
    local pool <close> = WorkerPool { n_jobs = 1, enable_insights = true }
    local i = 0
    pool:map(same, function()
      core.sleep(0.02)
      i = i + 1
      return i <= 10 and i or nil
    end, { chunk_size = 1 })
    local insights = pool:get_insights()
    assert.is_true(insights.total_waiting_input_time > 0.1)
    assert.is_true(insights.waiting_input_ratio > insights.working_ratio)
  end)

  it("counts waiting for a slow reader as transfer", function()
    local pool <close> = WorkerPool { n_jobs = 1, enable_insights = true }
    local n = 0
    for i, text in pool:imap(function() return ("x"):rep(900000) end,
                             workerpool.range(8), { chunk_size = 4 }) do
      n = n + #text
      if i <= 4 then core.sleep(0.1 * helper.scale) end
    end
    assert.are.equal(8 * 900000, n)
    assert.is_true(pool:get_insights().total_waiting_transfer_time > 0.05)
  end)
end)

describe("the longest tasks", function()
  helper.guard()

  local function slow_at(x)
    if x == 4000 then core.sleep(0.06) end
    if x == 77 then core.sleep(0.03) end
    return x
  end

  it("are found among many short ones of a range", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    pool:map(slow_at, workerpool.range(5000))
    local insights = pool:get_insights()
    assert.are.equal(5, #insights.top_5_max_task_durations)
    assert.are.equal("4000", insights.top_5_max_task_args[1])
    assert_about(0.06, insights.top_5_max_task_durations[1])
    assert.are.equal("77", insights.top_5_max_task_args[2])
    for i = 2, 5 do
      assert.is_true(insights.top_5_max_task_durations[i - 1]
        >= insights.top_5_max_task_durations[i])
    end
  end)

  it("are found in a list, whose elements have several arguments", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    local tasks = {}
    for i = 1, 5000 do tasks[i] = { i, "name " .. i, { at = i } } end
    pool:map(slow_at, tasks, { chunk_size = 1000 })
    assert.are.equal('4000, "name 4000", {at=4000}',
      pool:get_insights().top_5_max_task_args[1])
  end)

  it("show arguments as they were sent, whatever the task did to them", function()
    local pool <close> = WorkerPool { n_jobs = 1, enable_insights = true }
    pool:map(function(t)
      core.sleep(0.01)
      t.colour = nil
    end, { { colour = "red" } })
    assert.are.same({ '{colour="red"}' }, pool:get_insights().top_5_max_task_args)
  end)

  it("are cut short where arguments are large", function()
    local pool <close> = WorkerPool { n_jobs = 1, enable_insights = true }
    pool:map(same, { ("é"):rep(100000) })
    local text = pool:get_insights().top_5_max_task_args[1]
    assert.is_true(#text < 512)
    assert.is_truthy(utf8.len(text))
  end)

  it("may have failed", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    local list = pool:map(function(x)
      if x == 5 then
        core.sleep(0.05)
        error("no")
      end
    end, workerpool.range(10), { on_error = "collect" })
    assert.is_true(workerpool.is_error(list[5]))
    local insights = pool:get_insights()
    assert.are.equal("5", insights.top_5_max_task_args[1])
    assert.are.equal(10, sum(insights.n_completed_tasks))
    assert.is_true(insights.total_working_time >= 0.048)
  end)
end)

describe("get_insights at other times", function()
  helper.guard()

  it("works inside of a loop, while tasks run", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    local last_count, last_time = 0, 0
    for i in pool:imap(nap, workerpool.range(30), { chunk_size = 1 }) do
      local insights = pool:get_insights()
      local count = sum(insights.n_completed_tasks)
      assert.is_true(count >= i and count >= last_count)
      assert.is_true(insights.total_time >= last_time - 1e-3)
      last_count, last_time = count, insights.total_time
    end
    assert.are.equal(30, sum(pool:get_insights().n_completed_tasks))
  end)

  it("counts a task that is still running", function()
    local pool <close> = WorkerPool { n_jobs = 1, enable_insights = true }
    local result = pool:apply_async(core.sleep, { 60 })
    assert.is_true(helper.eventually(function()
      return pool:get_insights().total_working_time > 0.1
    end))
    assert.is_false(result:ready())
    pool:terminate()
    assert.is_true(pool:get_insights().total_working_time > 0.1)
  end)

  it("works for single tasks", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    for i = 1, 6 do assert.are.equal(i, pool:apply(nap, { i })) end
    local insights = pool:get_insights()
    assert.are.equal(6, sum(insights.n_completed_tasks))
    assert_about(0.12, insights.total_working_time)
  end)

  it("works after a call that failed", function()
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    assert.is_false(pcall(pool.map, pool, function(x)
      core.sleep(0.02)
      if x == 3 then error("no") end
    end, workerpool.range(4), { chunk_size = 1 }))
    assert.is_true(pool:get_insights().total_working_time >= 0.018)
  end)

  it("works without processes", function()
    local pool <close> = WorkerPool { n_jobs = 0, enable_insights = true }
    pool:map(nap, workerpool.range(5), { worker_init = function() core.sleep(0.03) end })
    local insights = pool:get_insights()
    assert.are.same({ 5 }, insights.n_completed_tasks)
    assert_about(0.1, insights.working_time[1])
    assert_about(0.03, insights.init_time[1])
    assert.are.equal(5, #insights.top_5_max_task_args)
  end)
end)
