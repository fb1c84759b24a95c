-- One suite over all start methods: what is the same for all of them.
-- timeout: 300

local helper = require "spec.support.helper"
local programs = require "spec.support.programs"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local METHODS = { "fork", "forkserver", "spawn", "threading" }

for _, method in ipairs(METHODS) do
  local function make(opts)
    opts = opts or {}
    opts.start_method = method
    opts.n_jobs = opts.n_jobs or 2
    return WorkerPool(opts)
  end

  describe("start_method '" .. method .. "'", function()
    helper.guard()

    it("runs the map family", function()
      local pool <close> = make()
      local function square(x) return x * x end
      local list = pool:map(square, workerpool.range(500))
      for i = 1, 500 do assert.are.equal(i * i, list[i]) end
      assert.are.equal(500, pool:map_unordered(square, workerpool.range(500)).n)
      local seen = 0
      for i, sq in pool:imap(square, workerpool.range(100)) do
        seen = seen + 1
        assert.are.equal(i * i, sq)
      end
      assert.are.equal(100, seen)
      for i in pool:imap_unordered(square, workerpool.range(1000)) do
        if i > 10 then break end
      end
    end)

    it("sends functions with their upvalues, and helpers among them", function()
      local pool <close> = make()
      local factor = 7
      local function help(x) return x * factor end
      assert.are.same({ 7, 14, n = 2 }, pool:map(function(x) return help(x) end, { 1, 2 }))
    end)

    it("hands leading arguments, init, exit and state", function()
      local pool <close> = make {
        n_jobs = 1, pass_worker_id = true, shared_objects = { base = 100 },
        use_worker_state = true,
      }
      local list = pool:map(function(id, shared, state, x)
        state.n = state.n + 1
        return id + shared.base + state.n + x
      end, { 1000, 2000 }, {
        worker_init = function(_, _, state) state.n = 0 end,
        worker_exit = function(_, _, state) return state.n end,
      })
      assert.are.same({ 1101, 2102, n = 2 }, list)
      assert.are.same({ 2 }, pool:get_exit_results())
    end)

    it("raises what a task raises", function()
      local pool <close> = make()
      local ok, err = pcall(pool.map, pool, function(x)
        if x == 3 then error({ code = 5 }) end
      end, { 1, 2, 3 })
      assert.is_false(ok)
      assert.are.equal(3, err.task_index)
      assert.are.equal(5, err.cause.code)
      assert.matches("behaviour_spec.lua", err.traceback)
      assert.are.same({ 9, n = 1 }, pool:map(function(x) return x end, { 9 }))
    end)

    it("survives os.exit in a task", function()
      local pool <close> = make()
      local list = pool:map(function(x)
        if x == 5 then os.exit(3) end
        return x
      end, workerpool.range(20), { on_error = "collect", chunk_size = 4 })
      for i = 1, 20 do
        if i == 5 then
          assert.are.equal("crash", list[i].kind)
          assert.are.equal(3, list[i].exit_code)
        else
          assert.are.equal(i, list[i])
        end
      end
    end)

    it("stops a task that loops in Lua under pcall when its time is up", function()
      local pool <close> = make()
      local ok, err = pcall(pool.map, pool, function()
        while true do pcall(function() while true do end end) end
      end, { 1 }, { task_timeout = 0.2 })
      assert.is_false(ok)
      assert.are.equal("timeout", err.kind)
      assert.are.same({ 9, n = 1 }, pool:map(function(x) return x end, { 9 }))
    end)

    it("keeps workers alive, restarts them by lifespan, and keeps their order", function()
      local pool <close> = make { keep_alive = true, use_worker_state = true, n_jobs = 1 }
      local function count(state)
        state.n = (state.n or 0) + 1
        return state.n
      end
      assert.are.same({ 1, 2, n = 2 }, pool:map(count, { 1, 2 }))
      assert.are.same({ 3, n = 1 }, pool:map(count, { 1 }))
      local fresh <close> = make { n_jobs = 1, use_worker_state = true }
      assert.are.same({ 1, 2, 1, 2, 1, n = 5 },
        fresh:map(count, workerpool.range(5), { chunk_size = 1, worker_lifespan = 2 }))
      local ordered <close> = make { order_tasks = true, pass_worker_id = true }
      assert.are.same({ 0, 1, 0, 1, n = 4 },
        ordered:map(function(id) return id end, workerpool.range(4), { chunk_size = 1 }))
    end)

    it("runs the apply family, with cancelling", function()
      local pool <close> = make { n_jobs = 1 }
      assert.are.equal(5, pool:apply(function(a, b) return a + b end, { 2, 3 }))
      local endless = pool:apply_async(function() while true do end end)
      core.sleep(0.1)
      assert.is_true(endless:cancel())
      assert.are.equal(1, pool:apply(function() return 1 end))
    end)

    it("carries large values both ways", function()
      local pool <close> = make()
      local text = ("x"):rep(5 << 20)
      local list = pool:map(function(s) return s .. "y" end, { text, text, text })
      for i = 1, 3 do assert.are.equal(#text + 1, #list[i]) end
    end)

    it("has its own random numbers, and the same ones for a seed", function()
      local free <close> = make()
      local a = free:map(function() core.sleep(0.02) return math.random(1 << 40) end,
        { 1, 2 }, { chunk_size = 1 })
      assert.are_not.equal(a[1], a[2])
      local seeded <close> = make { seed = 9 }
      local serial <close> = WorkerPool { n_jobs = 0, seed = 9 }
      local function draw() return math.random(1 << 40) end
      assert.are.same(serial:map(draw, { 1, 2, 3 }), seeded:map(draw, { 1, 2, 3 }))
    end)

    it("ends with terminate while tasks run", function()
      local pool = make()
      local result = pool:apply_async(function() while true do end end)
      core.sleep(0.05)
      pool:terminate()
      local ok, err = pcall(result.get, result)
      assert.is_false(ok)
      assert.are.equal("cancelled", err.kind)
    end)
  end)
end

for _, method in ipairs { "forkserver", "spawn", "threading" } do
  describe("start_method '" .. method .. "' inherits nothing:", function()
    helper.guard()

    it("what cannot travel is refused by its path when workers are to start", function()
      local pool <close> = WorkerPool {
        n_jobs = 1, start_method = method, shared_objects = { log = { file = io.stdout } },
      }
      local ok, message = pcall(pool.map, pool, tostring, { 1 })
      assert.is_false(ok)
      assert.matches("start_method '" .. method .. "'", message)
      assert.matches("shared_objects%.log%.file", message)
    end)

    it("workers do not see what the host's globals have become", function()
      a_global_of_the_host = 1 -- luacheck: ignore
      local pool <close> = WorkerPool { n_jobs = 1, start_method = method }
      local list = pool:map(function() return type(_G.a_global_of_the_host) end, { 1 })
      a_global_of_the_host = nil -- luacheck: ignore
      assert.are.equal("nil", list[1])
    end)
  end)
end

describe("processes of a pool that is spawned or served", function()
  helper.guard()

  for _, method in ipairs { "forkserver", "spawn" } do
    it("die with a host that is killed: " .. method, function()
      local dir = helper.tmpdir()
      local program = helper.start({ helper.lua, "-e", ([[
        local pool = require("workerpool").WorkerPool { n_jobs = 2, start_method = %q }
        local dir = %q
        pool:map(function()
          local core = require "workerpool.core"
          io.open(dir .. "/" .. core.getpid(), "w"):close()
          core.sleep(100)
        end, { 1, 2 }, { chunk_size = 1 })]]):format(method, dir) })
      local pids = programs.noted(dir, 2)
      program:kill("KILL")
      assert.is_true(programs.all_gone(pids))
    end)

    it("explain a killed worker by its signal: " .. method, function()
      local pool <close> = WorkerPool { n_jobs = 2, start_method = method }
      local ok, err = pcall(pool.map, pool, function(x)
        if x == 2 then
          os.execute("kill -SEGV " .. require("workerpool.core").getpid())
          require("workerpool.core").sleep(10)
        end
      end, { 1, 2, 3 })
      assert.is_false(ok)
      assert.are.equal("SIGSEGV", err.signal)
      assert.are.equal(2, err.task_index)
    end)
  end

  it("cost the same to restart however large the host's heap is", function()
    local pool <close> = WorkerPool { n_jobs = 1, start_method = "forkserver" }
    local function time()
      local began = helper.now()
      pool:map(function(x) return x end, workerpool.range(50),
        { chunk_size = 1, worker_lifespan = 1 })
      return helper.now() - began
    end
    -- The least of several: whatever else the machine does adds to each.
    local function least() return math.min(time(), time(), time(), time()) end
    local small = least()
    local heap = {}
    for i = 1, 1000000 do heap[i] = { i } end
    local large = least()
    assert.are.equal(1000000, #heap)
    assert.is_true(large < 3 * small + 0.1, ("%.3f and %.3f s"):format(small, large))
  end)

  it("a host with threads is warned once when it forks", function()
    local result = helper.run { helper.lua, "-e", [[
      local workerpool = require "workerpool"
      local threads = workerpool.WorkerPool { n_jobs = 1, start_method = "threading",
        keep_alive = true }
      threads:map(tostring, { 1 })
      for _ = 1, 2 do
        local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
        pool:map(tostring, { 1 })
      end
      threads:stop_and_join()]] }
    assert.are.equal(0, result.status)
    local _, n = result.stderr:gsub("has %d+ threads", "")
    assert.are.equal(1, n)
  end)
end)
