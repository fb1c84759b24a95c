-- A pool ends with its block, its host or its last reference, and leaves nothing.

local helper = require "spec.support.helper"
local programs = require "spec.support.programs"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local function square(x) return x * x end

describe("a pool ends", function()
  helper.guard()

  it("with its block, and leaves no process", function()
    local before = #helper.children()
    do
      local pool <close> = WorkerPool { n_jobs = 3, keep_alive = true }
      pool:map(square, { 1, 2, 3 })
      assert.are.equal(before + 3, #helper.children())
    end
    assert.are.equal(before, #helper.children())
  end)

  it("by stop_and_join, which may be called again", function()
    local pool = WorkerPool { n_jobs = 2, keep_alive = true }
    pool:map(square, { 1, 2 })
    pool:stop_and_join()
    pool:stop_and_join()
    pool:join()
    assert.are.equal(0, #helper.children())
  end)

  it("by terminate, and may be used again", function()
    local pool = WorkerPool { n_jobs = 2, keep_alive = true }
    pool:map(square, { 1, 2 })
    pool:terminate()
    pool:terminate()
    assert.are.same({ 9, n = 1 }, pool:map(square, { 3 }))
    pool:terminate()
  end)

  it("when it is forgotten", function()
    do
      local pool = WorkerPool { n_jobs = 2, keep_alive = true }
      pool:map(square, { 1, 2 })
    end
    collectgarbage()
    collectgarbage()
    assert.are.equal(0, #helper.children())
  end)

  it("with the error of its block", function()
    local ok, message = pcall(function()
      local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
      pool:map(square, { 1, 2 })
      error("the block failed", 0)
    end)
    assert.is_false(ok)
    assert.are.equal("the block failed", message)
    assert.are.equal(0, #helper.children())
  end)

  it("with the function of with(), which returns what that returned", function()
    local a, b, c = workerpool.with({ n_jobs = 2 }, function(pool)
      return pool:map(square, { 5 })[1], nil, "c"
    end)
    assert.are.same({ 25, nil, "c" }, { a, b, c })
    local ok = pcall(workerpool.with, { n_jobs = 2 }, function() error("x") end)
    assert.is_false(ok)
    assert.has_error(function() workerpool.with({ n_jobs = 2 }) end)
  end)

  it("without workers when nothing was asked of it", function()
    local pool = WorkerPool { n_jobs = 2 }
    pool:stop_and_join()
    pool:terminate()
    assert.are.same({}, pool:get_exit_results())
  end)

  it("in its workers when the host is killed with SIGKILL", function()
    local dir = helper.tmpdir()
    local program = helper.start({ helper.lua, "-e", ([[
      local core = require "workerpool.core"
      local pool = require("workerpool").WorkerPool { n_jobs = 3 }
      pool:map(function()
        local out = io.open("%s/" .. core.getpid(), "w")
        out:close()
        core.sleep(100)
      end, { 1, 2, 3 }, { chunk_size = 1 })]]):format(dir) })
    local pids = programs.noted(dir, 3)
    program:kill("KILL")
    assert.is_true(programs.all_gone(pids))
  end)

  it("and does not run the finalizers of the host in its workers", function()
    local result = helper.run { helper.lua, "-e", [[
      local pid = require("workerpool.core").getpid()
      local t = setmetatable({}, { __gc = function()
        if require("workerpool.core").getpid() ~= pid then print("in a worker") end
      end })
      local pool <close> = require("workerpool").WorkerPool { n_jobs = 2 }
      pool:map(function(x) return x end, { 1, 2, 3, 4 })
      print(t and "done")]] }
    assert.are.equal("done\n", result.stdout)
  end)

  it("and writes what was buffered before the fork once", function()
    local result = helper.run { helper.lua, "-e", [[
      io.stdout:setvbuf("full")
      io.write("once ")
      local pool <close> = require("workerpool").WorkerPool { n_jobs = 4 }
      pool:map(function() io.write("w") end, { 1, 2, 3, 4 }, { chunk_size = 1 })
      print("end")]] }
    assert.are.equal("once wwwwend\n", result.stdout)
  end)

  it("and lets the host go on reading its own input", function()
    local result = helper.run({ helper.lua, "-e", [[
      local pool <close> = require("workerpool").WorkerPool { n_jobs = 2 }
      for line in io.lines() do
        print(line, pool:map(function(x) return io.read() or x end, { 7 })[1])
      end]] }, { stdin = "a\nb\nc\n" })
    assert.are.equal("a\t7\nb\t7\nc\t7\n", result.stdout)
  end)
end)

describe("a closed or foreign pool", function()
  helper.guard()

  it("is refused in a task by name", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, err = pcall(pool.map, pool, function()
      pool:map(function() end, { 1 })
    end, { 1 })
    assert.is_false(ok)
    assert.matches("belongs to the process that made it", err.message)
  end)

  it("a daemon's worker may not start workers", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.map, pool, function()
      local inner <close> = WorkerPool { n_jobs = 2 }
      return inner:map(function(x) return x end, { 1 })[1]
    end, { 1 })
    assert.is_false(ok)
    assert.matches("daemon = false", err.message)
  end)

  it("may nest when it is no daemon", function()
    local pool <close> = WorkerPool { n_jobs = 2, daemon = false }
    local sums = pool:map(function(x)
      local inner <close> = WorkerPool { n_jobs = 2 }
      local sum = 0
      for _, sq in inner:imap(function(y) return y * y end, workerpool.range(x)) do
        sum = sum + sq
      end
      return sum
    end, { 1, 2, 3 })
    assert.are.same({ 1, 5, 14, n = 3 }, sums)
  end)
end)
