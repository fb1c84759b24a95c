-- worker_init and worker_exit as MPIRE 2.10 has them, and what it gives to
-- single tasks.

local helper = require "spec.support.helper"
local refusals = require "spec.support.refusals"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool
local range = workerpool.range
local same = refusals.same
local note = refusals.note
local lines_of = refusals.lines_of
local refused_by_maps = refusals.refused_by_maps
local refused_by_apply = refusals.refused_by_apply

describe("worker_init and worker_exit", function()
  helper.guard()

  it("run for single tasks, too", function()
    local pool = WorkerPool { n_jobs = 1, use_worker_state = true }
    local opts = {
      worker_init = function(state) state.word = "ready" end,
      worker_exit = function(state) return state.word .. ", gone" end,
    }
    assert.are.equal("ready", pool:apply(function(state) return state.word end, {}, opts))
    pool:stop_and_join()
    assert.are.same({ "ready, gone" }, pool:get_exit_results())
  end)

  it("an error in the init of single tasks fails all of them, by name", function()
    local pool = WorkerPool { n_jobs = 2 }
    local opts = { worker_init = function() error("no licence", 0) end }
    local results = {}
    for i = 1, 5 do results[i] = pool:apply_async(same, { i }, opts) end
    for i = 1, 5 do
      assert.is_true(results[i]:wait(20))
      local ok, err = pcall(results[i].get, results[i])
      assert.is_false(ok)
      assert.are.equal("worker_init: no licence", err.message)
    end
    pool:terminate()
  end)

  -- What a program prints that goes on after such an error.
  local function after_failed_init(rest)
    local result = helper.run({ helper.lua, "-e", [[
      local pool = require("workerpool").WorkerPool { n_jobs = 2 }
      local result = pool:apply_async(tostring, { 1 },
        { worker_init = function() error("no licence", 0) end })
      assert(not pcall(result.get, result))]] .. "\n" .. rest }, { timeout = 10 })
    assert.is_nil(result.timed_out, "it hangs")
    assert.are.equal("", result.stderr)
    return result.stdout
  end

  it("after such an error the pool can be ended", function()
    assert.are.equal("ended\n", after_failed_init [[
      pool:stop_and_join()
      print("ended")]])
  end)

  it("after such an error the pool can be used, with another init", function()
    assert.are.equal("5\n", after_failed_init [[
      print(pool:apply(tostring, { 5 }, { worker_init = function() end }))
      pool:terminate()]])
  end)

  it("after such an error the pool can be used, without any", function()
    assert.are.equal("5\n", after_failed_init [[
      print(pool:apply(tostring, { 5 }))
      pool:terminate()]])
  end)

  it("after such an error the pool can be used for a map", function()
    assert.are.equal("5\n", after_failed_init [[
      print(pool:map(tostring, { 5 })[1])
      pool:terminate()]])
  end)

  it("after an error in the init of a map kept workers are fresh ones", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    for _ = 1, 3 do
      assert.is_false(pcall(pool.map, pool, same, { 1, 2 },
        { worker_init = function() error("no licence", 0) end }))
      assert.are.same({ 1, 2, n = 2 }, pool:map(same, { 1, 2 }))
    end
  end)

  it("an error in the exit of single tasks is raised by stop_and_join", function()
    local pool = WorkerPool { n_jobs = 1 }
    local result = pool:apply_async(same, { 5 },
      { worker_exit = function() error("disk full", 0) end })
    local ok, err = pcall(pool.stop_and_join, pool)
    assert.is_false(ok)
    assert.are.equal("worker_exit: disk full", err.message)
    assert.are.equal(5, result:get())
    assert.are.same({}, helper.children())
  end)

  it("exit returns several values, nil, or nothing", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    pool:map(same, { 1 }, { worker_exit = function() return 1, nil, 3 end })
    assert.are.same({ { 1, nil, 3, n = 3 } }, pool:get_exit_results())
    pool:map(same, { 1 }, { worker_exit = function() end })
    assert.are.same({}, pool:get_exit_results())
  end)

  it("an exit result that cannot travel is an error that names it", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.map, pool, same, { 1, 2 },
      { worker_exit = function() return { log = io.stdout } end })
    assert.is_false(ok)
    assert.are.equal("encode", err.kind)
    assert.matches("worker_exit: .*log: userdata", err.message)
    assert.are.same({ 1, 2, n = 2 }, err.results[1])
  end)

  it("no worker starts, and none is initialized, when there are no tasks", function()
    local path = helper.tmpdir() .. "/inits"
    local pool <close> = WorkerPool { n_jobs = 2 }
    local opts = { worker_init = function() note(path, "init") end }
    assert.are.same({ n = 0 }, pool:map(same, {}, opts))
    assert.are.same({ n = 0 }, pool:map(same, range(0), opts))
    for _ in pool:imap(same, {}, opts) do error("a result of nothing") end
    assert.are.equal(0, lines_of(path))
  end)

  it("an exit that ends its process instead of returning is an error", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    for _, status in ipairs { 3, 0 } do
      local ok, err = pcall(pool.map, pool, same, { 1, 2 },
        { worker_exit = function() os.exit(status) end })
      assert.is_false(ok, "an exit with status " .. status .. " was not noticed")
      assert.are.equal("crash", err.kind)
      assert.are.equal(status, err.exit_code)
      assert.matches("worker_exit", err.message)
      assert.are.same({ 1, 2, n = 2 }, err.results[1])
    end
  end)

  it("misuse: functions", function()
    refused_by_maps("worker_init", 5, "init", {}, true)
    refused_by_maps("worker_exit", 5, "exit", {}, true)
    refused_by_apply("worker_init", 5, {})
    refused_by_apply("worker_exit", "exit", true)
  end)
end)

describe("apply's options", function()
  helper.guard()

  it("arguments: a list, a packed list, a record, a single value, none", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local function show(...)
      local words = table.pack(...)
      for i = 1, words.n do words[i] = type(words[i]) end
      return table.concat(words, " ", 1, words.n)
    end
    assert.are.equal("number string", pool:apply(show, { 1, "a" }))
    assert.are.equal("nil number nil", pool:apply(show, table.pack(nil, 2, nil)))
    assert.are.equal("table", pool:apply(show, { { a = 1 } }))
    assert.are.equal("string", pool:apply(show, "a"))
    assert.are.equal("boolean", pool:apply(show, false))
    assert.are.equal("", pool:apply(show, {}))
    assert.are.equal("", pool:apply(show))
  end)

  it("a callback finds its result ready and may ask the pool for more", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local seen = {}
    local result
    result = pool:apply_async(same, { 1, 2 }, { callback = function(...)
      seen = { ready = result:ready(), successful = result:successful(), ... }
      seen.more = pool:apply(same, { "more" })
    end })
    assert.is_true(result:wait(20))
    assert.are.same({ 1, 2, ready = true, successful = true, more = "more" }, seen)
  end)

  it("misuse: callbacks are functions, retries are counted", function()
    refused_by_apply("callback", 5, "f", {})
    refused_by_apply("error_callback", 5, "f", {})
    refused_by_apply("retries", -1, 0.5, "2")
  end)
end)
