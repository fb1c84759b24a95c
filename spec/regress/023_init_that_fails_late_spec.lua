-- When one worker's init failed while another did all the tasks, nobody was
-- told; and for want of memory in init or exit there came no error object.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"

local function same(x) return x end

describe("a worker_init that fails while others finish the tasks", function()
  helper.guard()

  local function call(fail, timeout)
    local count = workerpool.Value("i", 0)
    local pool <close> = workerpool.WorkerPool { n_jobs = 2, shared_objects = count }
    local ok, err = pcall(pool.map, pool, function(_, x) return x end, workerpool.range(4), {
      chunk_size = 1, worker_init_timeout = timeout,
      worker_init = function(shared)
        if shared:add(1) > 1 then core.sleep(0.1) fail() end
      end })
    assert.is_false(ok)
    assert.are.same({ 1, 2, 3, 4, n = 4 }, err.results[1])
    assert.matches("worker_init", err.message)
    assert.are.same({ 7, n = 1 }, pool:map(function(_, x) return x end, { 7 }))
    return err
  end

  it("is told at the end, with the results", function()
    assert.matches("it failed", call(function() error("it failed") end).message)
    assert.are.equal(3, call(function() os.exit(3) end).exit_code)
    assert.are.equal("timeout", call(function() core.sleep(60) end, 0.3).kind)
  end)
end)

if not helper.sanitized then describe("want of memory", function()
  helper.guard()

  local function devour()
    local parts = {}
    for i = 1, 1000 do parts[i] = ("x"):rep((1 << 22) - i) end
    return parts
  end

  it("in init, in exit, in a task and in its result is named as such", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, memory_limit = 48 << 20 }
    for _, phase in ipairs { "worker_init", "worker_exit" } do
      local ok, err = pcall(pool.map, pool, same, { 1 }, { [phase] = devour })
      assert.is_false(ok)
      assert.are.equal("memory", err.kind)
      assert.matches("^" .. phase .. ": not enough memory", err.message)
      assert.are.equal(0, err.worker_id)
    end
    local Greedy = { __workerpool_pack = devour, __workerpool_unpack = devour }
    workerpool.register_class("spec.regress.Greedy", Greedy)
    local list = pool:map(function(x)
      return x == 1 and devour() or x == 2 and setmetatable({}, Greedy) or x
    end, { 1, 2, 3 }, { on_error = "collect" })
    for i = 1, 2 do
      assert.are.equal("memory", list[i].kind)
      assert.are.equal(0, list[i].worker_id)
    end
    assert.are.equal(3, list[3])
  end)
end) end
