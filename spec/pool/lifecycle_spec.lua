-- worker_init and worker_exit, and workers that are kept or replaced.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local function count_lines(path)
  local n = 0
  for _ in io.lines(path) do n = n + 1 end
  return n
end

local function note(path, text)
  local file = assert(io.open(path, "a"))
  file:write(text, "\n")
  file:close()
end

describe("worker_init and worker_exit", function()
  helper.guard()

  it("run once in the life of each worker that starts", function()
    local path = helper.tmpdir() .. "/log"
    local pool <close> = WorkerPool { n_jobs = 3 }
    pool:map(function(x) return x end, workerpool.range(100), {
      worker_init = function() note(path, "init") end,
      worker_exit = function() note(path, "exit") end,
    })
    assert.are.equal(6, count_lines(path))
  end)

  it("exit results are kept, in the order of ending", function()
    local pool <close> = WorkerPool { n_jobs = 3, pass_worker_id = true }
    pool:map(function(_, x) return x end, { 1, 2, 3 }, {
      worker_exit = function(id) return id end, chunk_size = 1,
    })
    local ids = pool:get_exit_results()
    table.sort(ids)
    assert.are.same({ 0, 1, 2 }, ids)
    pool:map(function(_, x) return x end, { 1 })
    assert.are.same({}, pool:get_exit_results())
  end)

  it("take exit results of 10 MB", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(function(x) return x end, { 1, 2 }, {
      worker_exit = function() return ("x"):rep(10 << 20) end, chunk_size = 1,
    })
    local results = pool:get_exit_results()
    assert.are.equal(2, #results)
    assert.are.equal(10 << 20, #results[1])
  end)

  it("get the same leading arguments as tasks, in all eight combinations", function()
    for mask = 0, 7 do
      local id, shared, state = mask & 1 ~= 0, mask & 2 ~= 0, mask & 4 ~= 0
      local function kinds(...)
        local words = {}
        for i = 1, select("#", ...) do words[i] = type((select(i, ...))) end
        return table.concat(words, " ")
      end
      local pool <close> = WorkerPool {
        n_jobs = 1, pass_worker_id = id, shared_objects = shared and "s" or nil,
        use_worker_state = state,
      }
      local expected = (id and "number " or "") .. (shared and "string " or "")
        .. (state and "table " or "")
      local path = helper.tmpdir() .. "/init"
      local list = pool:map(kinds, { true }, {
        worker_init = function(...) note(path, kinds(...)) end,
        worker_exit = kinds,
      })
      assert.are.equal(expected .. "boolean", list[1])
      assert.are.equal(expected:sub(1, -2), helper.read(path):sub(1, -2))
      assert.are.same({ expected:sub(1, -2) }, pool:get_exit_results())
    end
  end)

  it("an error in init names the phase and stops the call", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, err = pcall(pool.map, pool, tostring, { 1, 2 },
      { worker_init = function() error("no database", 0) end })
    assert.is_false(ok)
    assert.are.equal("worker_init: no database", err.message)
    assert.are.same({ 1, n = 1 }, pool:map(function(x) return x end, { 1 }))
  end)

  it("an error in exit raises and brings the finished results", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.map, pool, function(x) return x * x end, { 1, 2, 3 },
      { worker_exit = function() error("cannot save", 0) end })
    assert.is_false(ok)
    assert.are.equal("worker_exit: cannot save", err.message)
    assert.are.same({ 1, 4, 9, n = 3 }, err.results[1])
  end)

  it("exit does not run after a failed map", function()
    local path = helper.tmpdir() .. "/log"
    local pool <close> = WorkerPool { n_jobs = 2 }
    pcall(pool.map, pool, error, { "x" }, { worker_exit = function() note(path, "exit") end })
    assert.is_nil(io.open(path))
    assert.are.same({}, pool:get_exit_results())
  end)

  it("a worker that dies in init again and again ends the call with its reason", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, err = pcall(pool.map, pool, tostring, { 1, 2 },
      { worker_init = function() os.exit(9) end })
    assert.is_false(ok)
    assert.are.equal("crash", err.kind)
    assert.are.equal(9, err.exit_code)
    assert.matches("worker_init", err.message)
  end)
end)

describe("worker state", function()
  helper.guard()

  it("is private to a worker and lives as long as it", function()
    local pool <close> = WorkerPool { n_jobs = 1, use_worker_state = true, keep_alive = true }
    local function count(state)
      state.n = (state.n or 0) + 1
      return state.n
    end
    assert.are.same({ 1, 2, 3, n = 3 }, pool:map(count, { 1, 2, 3 }))
    assert.are.same({ 4, 5, n = 2 }, pool:map(count, { 1, 2 }))
  end)

  it("is set up by init and handed to exit", function()
    local pool <close> = WorkerPool { n_jobs = 2, use_worker_state = true }
    pool:map(function(state, x) state.sum = state.sum + x end, workerpool.range(100), {
      worker_init = function(state) state.sum = 0 end,
      worker_exit = function(state) return state.sum end,
    })
    local sums = pool:get_exit_results()
    assert.are.equal(5050, sums[1] + sums[2])
  end)
end)

describe("keep_alive", function()
  helper.guard()

  -- Of all workers: each task waits for the others.
  local function pids_of(pool)
    local all = workerpool.Barrier(pool.n_jobs)
    local list = pool:map(function()
      all:wait(60)
      return core.getpid()
    end, workerpool.range(pool.n_jobs), { chunk_size = 1 })
    local set = {}
    for i = 1, list.n do set[list[i]] = true end
    return set
  end

  it("keeps the same workers for another call, also with another function", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local before = pids_of(pool)
    local factor = 3
    assert.are.same({ 3, 6, n = 2 }, pool:map(function(x) return x * factor end, { 1, 2 }))
    assert.are.same(before, pids_of(pool))
  end)

  it("sends a function again whose upvalues have changed", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local factor = 2
    local function scale(x) return x * factor end
    assert.are.same({ 2, n = 1 }, pool:map(scale, { 1 }))
    factor = 5
    assert.are.same({ 5, n = 1 }, pool:map(scale, { 1 }))
  end)

  it("restarts where something else is handed to functions", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local before = pids_of(pool)
    pool:set_shared_objects({ 7 })
    assert.are.same({ 8, n = 1 }, pool:map(function(s, x) return s[1] + x end, { 1 }))
    pool:set_shared_objects(nil)
    assert.are_not.same(before, pids_of(pool))
  end)

  it("restarts when restart_workers asks for it", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local before = pids_of(pool)
    pool:map(tostring, { 1 }, { restart_workers = true })
    assert.are_not.same(before, pids_of(pool))
  end)

  it("works on after an error", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    pool:map(tostring, { 1, 2 })
    for _ = 1, 3 do
      assert.is_false(pcall(pool.map, pool, error, { "x", "y" }))
      assert.are.same({ 2, 3, n = 2 }, pool:map(function(x) return x + 1 end, { 1, 2 }))
    end
  end)

  it("uses no processor time while idle", function()
    local pool <close> = WorkerPool { n_jobs = 4, keep_alive = true }
    pool:map(function(x) return x end, workerpool.range(4), { chunk_size = 1 })
    local function ticks()
      local sum = 0
      for _, pid in ipairs(helper.children()) do
        local fields = {}
        local stat = helper.read("/proc/" .. pid .. "/stat"):match("%) (.*)")
        for word in stat:gmatch("%S+") do fields[#fields + 1] = word end
        sum = sum + fields[12] + fields[13]
      end
      return sum
    end
    core.sleep(0.1)
    local before = ticks()
    core.sleep(1)
    assert.is_true(ticks() - before <= 1)
  end)
end)

describe("worker_lifespan", function()
  helper.guard()

  it("replaces a worker after so many tasks, exactly with chunk_size 1", function()
    local pool <close> = WorkerPool { n_jobs = 1, use_worker_state = true }
    local list = pool:map(function(state)
      state.n = (state.n or 0) + 1
      return state.n
    end, workerpool.range(7), { worker_lifespan = 2, chunk_size = 1 })
    assert.are.same({ 1, 2, 1, 2, 1, 2, 1, n = 7 }, list)
  end)

  it("lets a worker finish its chunk", function()
    local pool <close> = WorkerPool { n_jobs = 1, use_worker_state = true }
    local list = pool:map(function(state)
      state.n = (state.n or 0) + 1
      return state.n
    end, workerpool.range(6), { worker_lifespan = 2, chunk_size = 3 })
    assert.are.same({ 1, 2, 3, 1, 2, 3, n = 6 }, list)
  end)

  it("runs init and exit in every life", function()
    local path = helper.tmpdir() .. "/log"
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(function(x) return x end, workerpool.range(20), {
      worker_lifespan = 5, chunk_size = 1,
      worker_init = function() note(path, "init") end,
      worker_exit = function() return 1 end,
    })
    assert.are.equal(count_lines(path), #pool:get_exit_results())
    assert.is_true(count_lines(path) >= 4)
  end)

  it("loses no result, however large, and in order", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x) return ("x"):rep(200000) .. x end,
      workerpool.range(30), { worker_lifespan = 1, chunk_size = 1 })
    for i = 1, 30 do assert.are.equal(tostring(i), list[i]:match("%d+$")) end
  end)
end)

describe("order_tasks", function()
  helper.guard()

  it("gives chunk k to worker k mod n_jobs, from the first in every call", function()
    for _, keep in ipairs { false, true } do
      local pool <close> = WorkerPool {
        n_jobs = 2, order_tasks = true, pass_worker_id = true, keep_alive = keep,
      }
      for _ = 1, 2 do
        assert.are.same({ 0, 1, 0, 1, 0, 1, 0, n = 7 },
          pool:map(function(id) return id end, workerpool.range(7), { chunk_size = 1 }))
      end
    end
  end)

  it("holds with lifespans", function()
    local pool <close> = WorkerPool { n_jobs = 2, order_tasks = true, pass_worker_id = true }
    assert.are.same({ 0, 1, 0, 1, 0, 1, n = 6 },
      pool:map(function(id) return id end, workerpool.range(6),
        { chunk_size = 1, worker_lifespan = 1 }))
  end)
end)

describe("cpu_ids", function()
  helper.guard()

  local function masks(cpu_ids, n_jobs)
    local pool <close> = WorkerPool { n_jobs = n_jobs, cpu_ids = cpu_ids, order_tasks = true }
    local list = pool:map(function()
      return helper.read("/proc/self/status"):match("Cpus_allowed_list:%s*(%S+)")
    end, workerpool.range(n_jobs), { chunk_size = 1 })
    list.n = nil
    return list
  end

  it("pins in all four forms, as the kernel sees it", function()
    local cpus = core.affinity()
    local a, b = cpus[1], cpus[2] or cpus[1]
    local both = a == b and tostring(a) or a .. "-" .. b
    assert.are.same({ tostring(a), tostring(b) }, masks({ a, b }, 2))
    assert.are.same({ tostring(a), tostring(a) }, masks({ a }, 2))
    assert.are.same({ both, both }, masks({ { a, b } }, 2))
    assert.are.same({ both, tostring(b) }, masks({ { a, b }, { b } }, 2))
  end)

  it("refuses a wrong count and a CPU that is not there", function()
    assert.has_error(function() WorkerPool { n_jobs = 3, cpu_ids = { 0, 1 } } end)
    local ok, message = pcall(function() WorkerPool { n_jobs = 1, cpu_ids = { 1023 } } end)
    assert.is_false(ok)
    assert.matches("CPU 1023", message)
    assert.has_error(function() WorkerPool { n_jobs = 1, cpu_ids = { -1 } } end)
  end)
end)

describe("emit", function()
  helper.guard()

  it("brings a task's messages to on_message in order, before its result", function()
    for _, n_jobs in ipairs { 2, 0 } do
      local pool <close> = WorkerPool { n_jobs = n_jobs }
      local seen = {}
      local list = pool:map(function(x)
        for i = 1, 3 do workerpool.emit(x, i) end
        return x
      end, { 10, 20 }, { on_message = function(index, x, i)
        seen[index] = seen[index] or {}
        table.insert(seen[index], x + i)
      end })
      assert.are.same({ { 11, 12, 13 }, { 21, 22, 23 } }, seen)
      assert.are.same({ 10, 20, n = 2 }, list)
    end
  end)

  it("does not block over thousands of messages", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local n = 0
    pool:map(function()
      for i = 1, 5000 do workerpool.emit(i, ("x"):rep(500)) end
    end, { 1, 2, 3, 4 }, { on_message = function() n = n + 1 end })
    assert.are.equal(20000, n)
  end)

  it("is an error outside of a task, and an error in the handler ends the map", function()
    assert.has_error(function() workerpool.emit(1) end)
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, message = pcall(pool.map, pool, function() workerpool.emit(1) end, { 1 },
      { on_message = function() error("my handler", 0) end })
    assert.is_false(ok)
    assert.are.equal("my handler", message)
    assert.are.same({ 1, n = 1 }, pool:map(function(x) return x end, { 1 }))
  end)

  it("a map inside a handler is refused by name", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, message = pcall(pool.map, pool, function() workerpool.emit(1) end, { 1 },
      { on_message = function() pool:map(tostring, { 1 }) end })
    assert.is_false(ok)
    assert.matches("this pool is running map", message)
  end)
end)
