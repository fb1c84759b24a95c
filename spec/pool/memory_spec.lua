-- memory_limit and worker_max_memory.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local MIB = 1 << 20

-- Memory that is really touched.
local function take(mib)
  local parts = {}
  for i = 1, mib do parts[i] = ("x"):rep(MIB - 100 + i % 50) end
  return #parts
end

describe("memory_limit", function()
  helper.guard()

  -- A sanitizer takes terabytes of address space, and answers a failed
  -- allocation by ending the process.
  if not helper.sanitized then it("fails a task that wants more, and the pool goes on", function()
    local pool <close> = WorkerPool { n_jobs = 2, memory_limit = 64 * MIB }
    local list = pool:map(take, { 1, 500, 2, 3 }, { on_error = "collect", chunk_size = 2 })
    assert.are.equal(1, list[1])
    assert.are.equal("memory", list[2].kind)
    assert.are.equal(2, list[2].task_index)
    assert.matches("memory_limit", list[2].hint)
    assert.are.equal(2, list[3])
    assert.are.equal(3, list[4])
  end) end

  it("does not count what the host has", function()
    local large = {}
    for i = 1, 100 do large[i] = ("y"):rep(MIB - i) end
    local pool <close> = WorkerPool { n_jobs = 1, memory_limit = 32 * MIB, shared_objects = large }
    assert.are.same({ 100, n = 1 }, pool:map(function(t) return #t end, { 1 }))
  end)

  it("is refused where it cannot be kept, and when it is no size", function()
    local ok, message = pcall(function()
      WorkerPool { n_jobs = 1, memory_limit = 64 * MIB, start_method = "threading" }
    end)
    assert.is_false(ok)
    assert.matches("memory_spec.lua:%d+: .*'memory_limit'", message)
    assert.has_error(function() WorkerPool { memory_limit = 5 } end)
  end)
end)

describe("worker_max_memory", function()
  helper.guard()

  -- A record of all memory is the worker's own, too.
  local has_record = helper.sanitized == "thread" or helper.sanitized == "valgrind"

  if not has_record then it("replaces a worker that has grown, after its chunk and without noise", function()
    local kept
    local function grow(x)
      kept = kept or {}
      for _ = 1, 8 do kept[#kept + 1] = ("z"):rep(MIB + #kept) end
      core.sleep(0.02)
      return core.getpid(), x
    end
    local pool <close> = WorkerPool { n_jobs = 1, worker_max_memory = 40 * MIB }
    local pids, numbers = pool:map(grow, workerpool.range(30), { chunk_size = 1 })
    local seen, lives = {}, 0
    for i = 1, 30 do
      assert.are.equal(i, numbers[i])
      if not seen[pids[i]] then lives = lives + 1 end
      seen[pids[i]] = true
    end
    assert.is_true(lives >= 2 and lives < 30, lives .. " lives")
  end) end

  it("leaves a worker alone that only reads what the host has", function()
    local large = {}
    for i = 1, 100 do large[i] = ("y"):rep(MIB - i) end
    local pool <close> = WorkerPool {
      n_jobs = 1, worker_max_memory = 40 * MIB, shared_objects = large }
    local pids = pool:map(function(t, i)
      core.sleep(0.02)
      return #t[i] > 0 and core.getpid()
    end, workerpool.range(20), { chunk_size = 1 })
    for i = 2, 20 do assert.are.equal(pids[1], pids[i]) end
  end)

  if not has_record then it("does not count what it writes to shared memory, all alone", function()
    local large = workerpool.Array("d", 10 * MIB) -- 80 MiB
    local pool <close> = WorkerPool { n_jobs = 1, worker_max_memory = 40 * MIB }
    local pids = pool:map(function(i)
      for k = (i - 1) * MIB // 2 + 1, i * MIB // 2, 64 do large[k] = i end
      core.sleep(0.06)
      return core.getpid()
    end, workerpool.range(20), { chunk_size = 1 })
    for i = 2, 20 do assert.are.equal(pids[1], pids[i]) end
  end) end
end)
