-- Calls that are refused: what the message says, and whose line it blames.

local helper = require "spec.support.helper"
local refusals = require "spec.support.refusals"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool
local refusal, same = refusals.refusal, refusals.same

describe("the message of a refusal", function()
  helper.guard()

  it("names the constructor also for what cpu_ids says of the machine", function()
    local message = refusal(function()
      local _ = WorkerPool { n_jobs = 2, cpu_ids = { 0, 0, 0 } }
    end)
    assert.matches("WorkerPool: option 'cpu_ids': wanted 1 or 2 elements", message)
  end)

  it("names a setter as it is called", function()
    local pool = WorkerPool { n_jobs = 1 }
    for _, name in ipairs { "pass_on_worker_id", "set_use_worker_state", "set_keep_alive",
                            "set_order_tasks" } do
      local message = refusal(function() pool[name](pool, 1) end)
      assert.matches(name .. ": option '[%w_]+': wanted true or false, got 1", message)
    end
  end)

  it("names all calls that know the option", function()
    local message = refusal(function() local _ = WorkerPool { task_timeout = 1 } end)
    assert.matches("unknown option 'task_timeout' %(it is an option of map and apply%)", message)
    local pool = WorkerPool { n_jobs = 1 }
    message = refusal(function() pool:apply_async(same, {}, { chunk_size = 1 }) end)
    assert.matches("%(it is an option of map and chunk_tasks%)", message)
  end)

  it("tells of a colon where a dot belongs", function()
    local message = refusal(function() local _ = WorkerPool:new { n_jobs = 1 } end)
    assert.matches("with a dot, not with a colon", message)
  end)

  it("blames the line that waits for no number of seconds", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local result = pool:apply_async(same, { 1 })
    for _, wrong in ipairs { "1", true, 0 / 0 } do
      for name, f in pairs {
        wait = function() local _ = result:wait(wrong) end,
        get = function() local _ = result:get(wrong) end,
        poll = function() local _ = pool:poll(wrong) end,
        wait_any = function() local _ = pool:wait_any({ result }, wrong) end,
      } do
        assert.matches(name .. ": %w+: wanted a number of seconds, got ", refusal(f))
      end
    end
    assert.are.equal(1, result:get())
  end)

  it("blames the line that waits for what is no result", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    assert.matches("wait_any: wanted a list of results of apply_async, got nil",
      refusal(function() local _ = pool:wait_any() end))
    assert.matches("wait_any: element 2: wanted a result of apply_async, got 7",
      refusal(function() local _ = pool:wait_any { pool:apply_async(same, { 1 }), 7 } end))
  end)

  it("blames the line of print_insights when the file cannot be written", function()
    local pool = WorkerPool { n_jobs = 1, enable_insights = true }
    local message = refusal(function() pool:print_insights("/no/such/place") end)
    assert.matches("print_insights: cannot write /no/such/place: No such file", message)
  end)
end)

describe("what a function of the caller's returns", function()
  helper.guard()

  local function fails() error("no") end

  it("is an action that is known, or none for raise", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local _, message = pcall(pool.map, pool, fails, { 1 }, {
      on_error = function() return "retri" end })
    assert.are.equal('map: on_error returned "retri" (a string); '
      .. 'wanted "retry", "skip" or "raise"', message)
    local _, err = pcall(pool.map, pool, fails, { 1 }, { on_error = function() end })
    assert.matches("no$", err.message)
  end)

  it("is a delay that is a number", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local _, message = pcall(pool.map, pool, fails, { 1 }, {
      retries = 1, retry_delay = function() return "soon" end })
    assert.are.equal('map: retry_delay returned "soon" (a string); '
      .. "wanted a number of seconds", message)
  end)
end)

describe("an object that can be called", function()
  helper.guard()

  it("is a function to all calls, as it is at the time of the call", function()
    local adder = setmetatable({ by = 1 }, {
      __call = function(self, x) return x + self.by end,
    })
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    assert.are.same({ 2, 3, n = 2 }, pool:map(adder, { 1, 2 }))
    adder.by = 10
    assert.are.same({ 11, 12, n = 2 }, pool:map(adder, { 1, 2 }))
    assert.are.equal(15, pool:apply(adder, 5))
  end)

  it("may be init and exit", function()
    local noted = setmetatable({}, { __call = function() return "called" end })
    local pool <close> = WorkerPool { n_jobs = 1 }
    pool:map(same, { 1 }, { worker_init = noted, worker_exit = noted })
    assert.are.same({ "called" }, pool:get_exit_results())
  end)
end)
