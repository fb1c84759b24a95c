-- What a callback raised came out of whatever looked at the pool just then: a map that
-- had nothing to do with it failed, and stop_and_join was left in the middle, with
-- workers that had been told to leave.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local workerpool = require "workerpool"

local function same(...) return ... end
local function raise() error("mine", 0) end

describe("what a callback raises", function()
  helper.guard()

  it("does not end a map", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2, keep_alive = true }
    pool:apply_async(same, { 1 }, { callback = raise })
    local list = pool:map(function(x)
      core.sleep(0.01)
      return x
    end, { 1, 2, 3, 4, 5 }, { chunk_size = 1 })
    assert.are.same({ 1, 2, 3, 4, 5, n = 5 }, list)
    assert.are.same({ false, "mine" }, { pcall(pool.poll, pool) })
    assert.are.equal(0, pool:poll())
  end)

  it("is raised by stop_and_join, when all is over", function()
    local pool = workerpool.WorkerPool { n_jobs = 2, keep_alive = true }
    local results = {}
    for i = 1, 5 do results[i] = pool:apply_async(same, { i }, { callback = raise }) end
    assert.are.same({ false, "mine" }, { pcall(pool.stop_and_join, pool) })
    assert.are.same({}, helper.children())
    for i = 1, 5 do assert.are.equal(i, results[i]:get()) end
    pool:stop_and_join()
    assert.are.equal(0, pool:poll())
    assert.are.equal(5, pool:apply(same, { 5 }))
    pool:stop_and_join()
  end)

  it("is raised by the block that the pool ends with", function()
    local ok, err = pcall(function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
      pool:apply_async(error, { "its" }, { error_callback = raise })
    end)
    assert.are.same({ false, "mine" }, { ok, err })
    assert.are.same({}, helper.children())
  end)

  it("does not take the place of the error that ends a block", function()
    local ok, err = pcall(function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
      pool:apply_async(core.sleep, { 60 }, { error_callback = raise })
      error("the block's", 0)
    end)
    assert.are.same({ false, "the block's" }, { ok, err })
  end)

  it("is told after terminate, too, and by poll without workers", function()
    local pool = workerpool.WorkerPool { n_jobs = 1 }
    pool:apply_async(core.sleep, { 60 }, { error_callback = raise })
    pool:terminate()
    assert.are.same({ false, "mine" }, { pcall(pool.poll, pool) })
    assert.are.equal(0, pool:poll())
  end)

  it("in on_output, is told likewise", function()
    local pool = workerpool.WorkerPool { n_jobs = 1, output = "capture" }
    local result = pool:apply_async(print, { "x" }, { on_output = raise })
    assert.are.same({ false, "mine" }, { pcall(result.get, result) })
    assert.is_nil(result:get())
    pool:stop_and_join()
  end)
end)

describe("what code of a call raises while the caller waits for something else", function()
  helper.guard()

  -- One task fails and prints and emits; the loop's body waits for others.
  local function play(options)
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, output = "capture", keep_alive = true }
    local bodies = 0
    options.chunk_size, options.on_error = 1, options.on_error or "collect"
    local ok, err = pcall(function()
      for _ in pool:imap(function(i)
        if i == 3 then
          print("x")
          workerpool.emit(i)
          error("failed", 0)
        end
      end, workerpool.range(10), options) do
        bodies = bodies + 1
        for i = 1, 5 do assert(pool:apply(same, { i }) == i) end
      end
    end)
    assert.are.same({ false, "mine" }, { ok, err })
    assert.is_true(bodies >= 1)
    assert.are.same({ 5, n = 1 }, pool:map(same, { 5 }))
  end

  for _, name in ipairs { "on_error", "on_output", "on_message" } do
    it("ends the call: " .. name, function() play { [name] = raise } end)
  end

  it("ends the call: retry_delay", function() play { retries = 1, retry_delay = raise } end)

  for _, value in ipairs { false, 7 } do
    it("ends the call, whatever it is: " .. tostring(value), function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
      local ok, err = pcall(pool.map, pool, function() workerpool.emit(1) end, { 1 },
        { on_message = function() error(value) end })
      assert.is_false(ok)
      assert.are.equal(value or "false", err)
    end)
  end
end)
