-- What print_insights writes, and what it advises.

local helper = require "spec.support.helper"
local insights = require "workerpool.insights"
local report = require "workerpool.insights_report"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

-- A reading of one worker, as the engine gives it.
local function reading(fields)
  local out = {
    start = 0.0, init = 0.0, input = 0.0, decode = 0.0, work = 0.0, encode = 0.0,
    room = 0.0, exit = 0.0, tasks = 10, longest = {},
  }
  for name, value in pairs(fields) do out[name] = value end
  return out
end

local function advice(...)
  local readings = {}
  for i, fields in ipairs { ... } do readings[i] = reading(fields) end
  return table.concat(report.advice(insights.summary(readings)), "\n")
end

describe("a summary", function()
  it("has the population's deviation", function()
    local out = insights.summary { reading { work = 2.0 }, reading { work = 4.0 } }
    assert.are.equal(3, out.working_time_mean)
    assert.are.equal(1, out.working_time_std)
    assert.are.equal(1, out.working_ratio)
  end)

  it("takes the five longest tasks of all workers", function()
    local out = insights.summary {
      reading { longest = { { 0.9, "a" }, { 0.5, "b" }, { 0.3, "c" } } },
      reading { longest = { { 0.8, "d" }, { 0.6, "e" }, { 0.1, "f" } } },
    }
    assert.are.same({ 0.9, 0.8, 0.6, 0.5, 0.3 }, out.top_5_max_task_durations)
    assert.are.same({ "a", "d", "e", "b", "c" }, out.top_5_max_task_args)
  end)
end)

describe("the advice", function()
  it("is silent when workers work", function()
    assert.are.equal("", advice({ work = 9, input = 1 }, { work = 9, input = 1 }))
    assert.are.equal("", advice({}))
  end)

  it("warns below 80 %", function()
    assert.matches("working ratio is < 80%%!", advice { work = 7, input = 3 })
  end)

  it("tells to feed workers faster", function()
    local text = advice({ work = 5, input = 5 }, { work = 5, input = 5 })
    assert.matches("50.0 %% of the time workers waited for tasks", text)
    assert.matches("chunk_size", text)
  end)

  it("tells to use smaller chunks when one worker is idle", function()
    local text = advice({ work = 9, input = 1 }, { work = 1, input = 9 })
    assert.matches("Worker 1 worked for 1.000 s and another one for 9.000 s", text)
    assert.matches("smaller chunk_size", text)
    assert.not_matches("does not feed", text)
  end)

  it("tells to keep workers alive when starting them dominates", function()
    assert.matches("into start%-up.-keep_alive", advice { work = 5, start = 4, init = 1 })
    assert.matches("into worker_init", advice { work = 5, start = 1, init = 4 })
    assert.matches("into worker_exit", advice { work = 5, exit = 4 })
  end)

  it("tells to send less when coding dominates", function()
    assert.matches("most of it into arguments.-shared_objects",
      advice { work = 5, decode = 4, encode = 1 })
    assert.matches("most of it into results", advice { work = 5, encode = 4 })
  end)

  it("tells to take results faster", function()
    assert.matches("to take results", advice { work = 5, room = 5 })
  end)
end)

describe("print_insights", function()
  helper.guard()

  it("writes a report to a file", function()
    local path = helper.tmpdir() .. "/report"
    local pool <close> = WorkerPool { n_jobs = 2, enable_insights = true }
    pool:map(function(name) return #name end, { "first\n", "second" })
    local file <close> = assert(io.open(path, "w"))
    pool:print_insights(file)
    file:close()
    local text = helper.read(path)
    assert.matches("Insights: 2 tasks, 2 workers", text)
    assert.matches("\nworking +%d", text)
    assert.matches("\n +1 +%d+  %[[#%.six ]+%]", text)
    assert.matches('"first\\n"', text, 1, true)
    for line in text:gmatch("[^\n]*") do
      assert.is_true(utf8.len(line) <= 130)
      assert.is_nil(line:find("%s$"), line)
    end
  end)

  it("takes the name of a file", function()
    local path = helper.tmpdir() .. "/report"
    local pool <close> = WorkerPool { n_jobs = 1, enable_insights = true }
    pool:print_insights(path)
    assert.matches("0 tasks, 1 worker", helper.read(path))
  end)

  it("says how to get insights when there are none", function()
    local path = helper.tmpdir() .. "/report"
    local pool <close> = WorkerPool { n_jobs = 1 }
    pool:print_insights(path)
    assert.matches("enable_insights = true", helper.read(path))
  end)

  it("refuses what is no file, and says why a file cannot be written", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, message = pcall(function() pool:print_insights(5) end)
    assert.is_false(ok)
    assert.matches("report_spec.lua:%d+: print_insights: wanted a file.-number", message)
    ok, message = pcall(function() pool:print_insights("/no/such/folder/x") end)
    assert.is_false(ok)
    assert.matches("/no/such/folder/x", message)
  end)
end)
