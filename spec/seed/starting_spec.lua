-- The samples of MPIRE's first manual, section by section, as they read in
-- Lua: "Starting a WorkerPool", "Nested WorkerPools", "CPU pinning".

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local function square(x) return x * x end

describe("Starting a WorkerPool,", function()
  helper.guard()

  it("sample 1: a block that starts four workers and ends them", function()
    local pids
    do
      local pool <close> = WorkerPool { n_jobs = 4 }
      pids = pool:map(function()
        core.sleep(0.02)
        return core.getpid()
      end, workerpool.range(16), { chunk_size = 1 })
    end
    local seen, n = {}, 0
    for i = 1, pids.n do
      if not seen[pids[i]] then n = n + 1 end
      seen[pids[i]] = true
    end
    assert.are.equal(4, n)
    assert.is_nil(seen[core.getpid()])
    assert.are.same({}, helper.children())
  end)

  it("sample 1: the same with a function in place of the block", function()
    local list = workerpool.with({ n_jobs = 4 }, function(pool)
      return pool:map(square, workerpool.range(10))
    end)
    assert.are.equal(100, list[10])
    assert.are.same({}, helper.children())
  end)

  it("sample 1: a block that does nothing with its pool", function()
    do
      local pool <close> = WorkerPool { n_jobs = 4 }
      assert.are.equal(4, pool.n_jobs)
    end
    assert.are.same({}, helper.children())
  end)

  it("sample 2: a pool that is ended by hand, when all is done", function()
    local pool = WorkerPool { n_jobs = 4 }
    local result = pool:apply_async(function(x)
      core.sleep(0.1)
      return x
    end, { "done" })
    pool:stop_and_join()
    assert.are.same({}, helper.children())
    assert.are.equal("done", result:get())
  end)

  it("sample 2: a pool that is ended by hand, though its workers are busy", function()
    local pool = WorkerPool { n_jobs = 4 }
    local results = {}
    for i = 1, 4 do
      results[i] = pool:apply_async(function() while true do core.sleep(60) end end)
    end
    local began = helper.now()
    pool:terminate()
    assert.is_true(helper.now() - began < 20 * helper.scale)
    assert.are.same({}, helper.children())
    assert.is_false(pcall(results[1].get, results[1]))
  end)

  it("sample 2: ended both ways, one after the other", function()
    local pool = WorkerPool { n_jobs = 4, keep_alive = true }
    assert.are.equal(4, pool:map(square, { 2 })[1])
    pool:stop_and_join()
    pool:terminate()
    assert.are.same({}, helper.children())
  end)

  it("without n_jobs: as many workers as there are CPUs", function()
    local result = helper.run({ helper.lua, "-e", [[
      local workerpool = require "workerpool"
      local pool <close> = workerpool.WorkerPool()
      local other <close> = workerpool.WorkerPool { n_jobs = nil }
      assert(other.n_jobs == pool.n_jobs)
      print(pool.n_jobs == workerpool.cpu_count(), pool:map(tostring, { 1 })[1])]] },
      { env = { WORKERPOOL_JOBS = "" } })
    assert.are.equal("true\t1\n", result.stdout, result.stderr)
  end)

  it("with more workers than there are CPUs", function()
    local pool <close> = WorkerPool { n_jobs = 8 * workerpool.cpu_count() }
    local list = pool:map(square, workerpool.range(1000))
    for i = 1, 1000 do assert.are.equal(i * i, list[i]) end
  end)

  it("results that nobody has taken hold up no ending", function()
    local pool = WorkerPool { n_jobs = 4 }
    for _ = 1, 8 do
      pool:apply_async(function() return ("x"):rep(4 << 20) end)
    end
    pool:stop_and_join()
    assert.are.same({}, helper.children())
  end)
end)

describe("Nested WorkerPools,", function()
  helper.guard()

  local function job(first, last)
    local p <close> = WorkerPool { n_jobs = 4 }
    local sum = 0
    local results = p:map(square, workerpool.range(first, last))
    for i = 1, results.n do sum = sum + results[i] end
    return sum
  end

  it("sample 1: workers of a daemon pool may not start a pool, and are told why", function()
    local pool <close> = WorkerPool { n_jobs = 4, daemon = true }
    local ok, err = pcall(pool.map, pool, job, { { 1, 10 }, { 11, 20 } })
    assert.is_false(ok)
    assert.is_true(workerpool.is_error(err))
    assert.matches("daemon = false", err.message)
    assert.matches("starting_spec.lua:%d+:", err.message)
  end)

  it("sample 1: daemon is what a pool is unless it says otherwise", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, err = pcall(pool.map, pool, job, { { 1, 10 } })
    assert.is_false(ok)
    assert.matches("daemon = false", err.message)
  end)

  it("sample 1: workers of a pool that is none may", function()
    local pool <close> = WorkerPool { n_jobs = 4, daemon = false }
    assert.are.same({ 385, 2485, 6585, n = 3 },
      pool:map(job, { { 1, 10 }, { 11, 20 }, { 21, 30 } }))
  end)

  it("sample 1: an error in an inner task reaches the outermost caller", function()
    local pool <close> = WorkerPool { n_jobs = 2, daemon = false }
    local ok, err = pcall(pool.map, pool, function(x)
      local p <close> = WorkerPool { n_jobs = 2 }
      return p:map(function(y) error("deep " .. y, 0) end, { x })
    end, { 7 })
    assert.is_false(ok)
    assert.matches("deep 7", tostring(err))
    assert.are.same({}, helper.children())
  end)

  it("inner pools that a task forgets to end do not outlive it", function()
    local dir = helper.tmpdir()
    do
      local pool <close> = WorkerPool { n_jobs = 2, daemon = false }
      pool:map(function()
        local p = WorkerPool { n_jobs = 2, keep_alive = true }
        local pids = p:map(function() return core.getpid() end, { 1, 2 }, { chunk_size = 1 })
        for i = 1, pids.n do io.open(dir .. "/" .. pids[i], "w"):close() end
        kept = p -- luacheck: ignore
      end, { 1, 2 }, { chunk_size = 1 })
    end
    for name in require("lfs").dir(dir) do
      local pid = tonumber(name)
      assert.is_truthy(not pid or helper.eventually(function()
        return (helper.state(pid) or "Z") == "Z"
      end))
    end
  end)
end)

describe("CPU pinning,", function()
  helper.guard()

  local all = core.affinity()

  -- "0-2,5" as a set.
  local function set_of(text)
    local set = {}
    for first, last in text:gmatch("(%d+)%-?(%d*)") do
      for cpu = tonumber(first), tonumber(last ~= "" and last or first) do
        set[cpu] = true
      end
    end
    return set
  end

  -- The CPUs that the kernel lets each worker use.
  local function masks(n_jobs, cpu_ids)
    local pool <close> = WorkerPool { n_jobs = n_jobs, cpu_ids = cpu_ids, order_tasks = true }
    local list = pool:map(function()
      return helper.read("/proc/self/status"):match("Cpus_allowed_list:%s*(%S+)")
    end, workerpool.range(n_jobs), { chunk_size = 1 })
    local sets = {}
    for i = 1, list.n do sets[i] = set_of(list[i]) end
    return sets
  end

  local function expected(lists)
    local sets = {}
    for i, list in ipairs(lists) do
      sets[i] = {}
      for _, cpu in ipairs(list) do sets[i][cpu] = true end
    end
    return sets
  end

  -- The k-th CPU that there is; on a small machine they come round again.
  local function cpu(k) return all[(k - 1) % #all + 1] end

  it("sample 1: two workers, a CPU each", function()
    local ids = { cpu(1), cpu(2) }
    assert.are.same(expected { { cpu(1) }, { cpu(2) } }, masks(2, ids))
  end)

  it("sample 1: twenty workers, a list as long", function()
    local ids, lists = {}, {}
    for i = 1, 20 do ids[i], lists[i] = cpu(i), { cpu(i) } end
    assert.are.same(expected(lists), masks(20, ids))
  end)

  it("sample 1: four workers share one CPU", function()
    local one = { all[1] }
    assert.are.same(expected { one, one, one, one }, masks(4, { all[1] }))
  end)

  it("sample 1: four workers share several CPUs", function()
    local some = { cpu(1), cpu(2), cpu(3), cpu(4) }
    assert.are.same(expected { some, some, some, some }, masks(4, { some }))
  end)

  it("sample 1: each of four workers has two CPUs of its own", function()
    local sets = {}
    for i = 1, 4 do sets[i] = { cpu(2 * i - 1), cpu(2 * i) } end
    assert.are.same(expected(sets), masks(4, sets))
  end)

  it("nil pins nothing", function()
    assert.are.same(expected { all, all }, masks(2, nil))
  end)

  it("the host itself is never pinned", function()
    masks(2, { all[1] })
    assert.are.same(all, core.affinity())
  end)

  it("ids below 0 or beyond what there is are refused", function()
    for _, wrong in ipairs { { -1, 0 }, { 0, 4096 }, { { 0, -2 }, { 0 } }, { 0.5, 0 } } do
      local ok, message = pcall(WorkerPool, { n_jobs = 2, cpu_ids = wrong })
      assert.is_false(ok)
      assert.matches("cpu_ids", message)
    end
  end)
end)
