-- Traps that other pools of processes have fallen into, as their issue lists
-- tell: how a host ends, and signals.
-- timeout: 240

local helper = require "spec.support.helper"
local programs = require "spec.support.programs"

local program, pids_in, noted = programs.make, programs.pids_in, programs.noted
local all_gone = programs.all_gone

-- ---- how a host ends ------------------------------------------------------------------

describe("no worker outlives a host that", function()
  helper.guard()

  local BUSY = [[
    local pool = WorkerPool { n_jobs = 3 }
    local results = {}
    for i = 1, 3 do results[i] = pool:apply_async(function() here() core.sleep(100) end) end
    local lfs = require "lfs"
    local function count()
      local n = 0
      for name in lfs.dir(DIR) do n = n + (tonumber(name) and 1 or 0) end
      return n
    end
    while count() < 3 do core.sleep(0.01) end
  ]]

  for what, rest in pairs {
    ["calls os.exit"] = "os.exit(0)",
    ["calls os.exit and closes its state"] = "os.exit(0, true)",
    ["raises an error that nobody catches"] = "error('uncaught')",
    ["returns in the middle of its work, and has a global pool"] =
      "forgotten = pool os.exit(0, true)",
    ["leaves by os.exit inside a loop"] =
      "for _ in WorkerPool{ n_jobs = 2 }:imap(function(x) here() return x end, range(9)) do os.exit(0) end",
    ["leaves by os.exit inside a callback"] =
      "pool:terminate() pool:apply(same, {}, { callback = function() os.exit(0, true) end })",
    ["dies from a signal of its own"] = "os.execute('kill -SEGV ' .. core.getpid())",
  } do
    it(what, function()
      local path, dir = program(BUSY .. rest)
      local result = helper.run({ helper.lua, path }, { timeout = 20 })
      assert.is_nil(result.timed_out)
      assert.is_true(all_gone(noted(dir, 3)))
    end)
  end

  for _, signal in ipairs { "TERM", "HUP", "QUIT", "KILL" } do
    it("dies from SIG" .. signal, function()
      local path, dir = program(BUSY .. "results[1]:get()")
      local host = helper.start { helper.lua, path }
      local pids = noted(dir, 3)
      host:kill(signal)
      assert.is_truthy(host:wait(20))
      assert.is_true(all_gone(pids))
    end)
  end

  it("dies while a program runs that it has started by itself", function()
    local path, dir = program [[
      local pool = WorkerPool { n_jobs = 2, keep_alive = true }
      pool:map(function() here() core.sleep(0.1) end, { 1, 2 }, { chunk_size = 1 })
      os.execute("sleep 60 >/dev/null 2>&1 & echo $! >" .. DIR .. "/other")
      core.sleep(60)]]
    local host = helper.start { helper.lua, path }
    local pids = noted(dir, 2)
    local other
    helper.eventually(function()
      other = (helper.read(dir .. "/other") or ""):match("%d+")
      return other
    end, 20)
    host:kill("KILL")
    assert.is_true(all_gone(pids))
    os.execute("kill -KILL " .. other)
  end)

  it("has its output closed by the program that reads it", function()
    local path, dir = program [[
      local pool <close> = WorkerPool { n_jobs = 2 }
      pool:map(function(x)
        here()
        for _ = 1, 5000 do print("task", x) end
      end, range(20), { chunk_size = 1, on_error = "collect" })
      while true do io.write("host\n") end]]
    local result = helper.run(helper.lua .. " " .. helper.quote(path) .. " | head -n 1", { timeout = 30 })
    assert.is_nil(result.timed_out)
    assert.are.equal(1, select(2, result.stdout:gsub("\n", "")))
    assert.is_true(all_gone(pids_in(dir)))
  end)
end)

describe("nested pools three deep", function()
  helper.guard()

  -- Each process notes itself, the deepest ones sleep.
  local NEST = [[
    local function nest(depth)
      here()
      if depth == 0 then core.sleep(100) return depth end
      local pool <close> = WorkerPool { n_jobs = 2, daemon = false }
      return pool:map(nest, { depth - 1, depth - 1 }, { chunk_size = 1 })[1] + 1
    end
  ]]

  local function parent_of(pid)
    local stat = helper.read("/proc/" .. pid .. "/stat")
    return stat and tonumber(stat:match("^.*%) %a (%d+)"))
  end

  it("die below a worker in the middle that is killed; those above are told", function()
    local path, dir = program(NEST .. [[
      local pool = WorkerPool { n_jobs = 2, daemon = false }
      local ok, err = pcall(pool.map, pool, nest, { 2, 2 }, { chunk_size = 1 })
      print(ok, err.kind, err.signal)
      print(pool:map(same, { 5 })[1])]])
    local host = helper.start { helper.lua, path }
    local pids = noted(dir, 2 + 4 + 8)
    -- Below the host: 2 workers, 4 below them, 8 below those.
    local middle, below = nil, {}
    for _, pid in ipairs(pids) do
      if parent_of(pid) == host.pid then middle = pid end
    end
    local function descend(pid)
      for _, child in ipairs(helper.children(pid)) do
        below[#below + 1] = child
        descend(child)
      end
    end
    descend(middle)
    assert.are.equal(6, #below)
    os.execute("kill -KILL " .. middle)
    assert.is_true(all_gone(below))
    local result = host:wait(20)
    assert.are.equal("false\tcrash\tSIGKILL\n5\n", result and result.stdout)
    assert.is_true(all_gone(pids))
  end)

  it("die all with their host", function()
    local path, dir = program(NEST .. [[
      local pool = WorkerPool { n_jobs = 2, daemon = false }
      pool:map(nest, { 2, 2 }, { chunk_size = 1 })]])
    local host = helper.start { helper.lua, path }
    local pids = noted(dir, 14)
    host:kill("KILL")
    assert.is_true(all_gone(pids))
  end)

  it("are ended by the timeout of the outermost task", function()
    local path, dir = program(NEST .. [[
      local pool <close> = WorkerPool { n_jobs = 2, daemon = false }
      local ok, err = pcall(pool.map, pool, nest, { 2, 2 }, { chunk_size = 1, task_timeout = 2 })
      print(ok, err.kind)]])
    local result = helper.run({ helper.lua, path }, { timeout = 30 })
    assert.are.equal("false\ttimeout\n", result.stdout)
    assert.is_true(all_gone(pids_in(dir)))
  end)
end)

-- ---- signals ---------------------------------------------------------------------------

describe("Ctrl-C", function()
  helper.guard()

  local SCRIPTS = {
    ["a map"] = [[
      local pool = WorkerPool { n_jobs = 3 }
      pool:map(function() here() core.sleep(100) end, range(30), { chunk_size = 1 })]],
    ["a map whose tasks loop in Lua"] = [[
      local pool <close> = WorkerPool { n_jobs = 3 }
      pool:map(function() here() while true do end end, range(30), { chunk_size = 1 })]],
    ["a lazy loop"] = [[
      local pool <close> = WorkerPool { n_jobs = 3, keep_alive = true }
      for _ in pool:imap(function() here() core.sleep(100) end, range(30), { chunk_size = 1 }) do
        print("never")
      end]],
    ["get"] = [[
      local pool <close> = WorkerPool { n_jobs = 3 }
      local results = {}
      for i = 1, 9 do results[i] = pool:apply_async(function() here() core.sleep(100) end) end
      results[1]:get()]],
    ["workers replaced one after the other"] = [[
      local pool <close> = WorkerPool { n_jobs = 3 }
      pool:map(function() here() core.sleep(0.05) end, range(10000),
        { chunk_size = 1, worker_lifespan = 1 })]],
  }

  -- Lua's own interpreter makes an error of the signal; the one of the builds
  -- with a sanitizer dies from it.
  local handles = not helper.sanitized

  -- A program that leads a process group of its own, as under a shell.
  local function leading(path)
    return helper.start { "setsid", helper.lua, path }
  end

  for what, source in pairs(SCRIPTS) do
    it("to the whole group ends " .. what .. " with one message", function()
      local path, dir = program(source)
      local host = leading(path)
      noted(dir, 3)
      os.execute("kill -s INT -- -" .. host.pid)
      local result = host:wait(20)
      assert.is_truthy(result, "it goes on")
      assert.are_not.equal(0, result.status)
      assert.are.equal("", result.stdout)
      local _, n = result.stderr:gsub("interrupted!", "")
      assert.are.equal(handles and 1 or 0, n, result.stderr)
      assert.is_true(all_gone(pids_in(dir)))
    end)
  end

  it("to the host alone does the same", function()
    local path, dir = program(SCRIPTS["a map"])
    local host = leading(path)
    noted(dir, 3)
    host:kill("INT")
    local result = host:wait(20)
    assert.is_truthy(result, "it goes on")
    if handles then assert.matches("interrupted!", result.stderr) end
    assert.is_true(all_gone(pids_in(dir)))
  end)

  it("twice leaves nothing either", function()
    local path, dir = program(SCRIPTS["a lazy loop"])
    local host = leading(path)
    noted(dir, 3)
    os.execute(("kill -s INT -- -%d; kill -s INT -- -%d"):format(host.pid, host.pid))
    assert.is_truthy(host:wait(20), "it goes on")
    assert.is_true(all_gone(pids_in(dir)))
  end)

  it("that a program catches leaves its pool usable", function()
    if not handles then return end
    local path, dir = program [[
      local pool <close> = WorkerPool { n_jobs = 3, keep_alive = true }
      local ok, err = pcall(pool.map, pool, function() here() core.sleep(100) end, range(9),
        { chunk_size = 1 })
      print(ok, err, pool:map(same, range(30))[30])]]
    local host = leading(path)
    noted(dir, 3)
    os.execute("kill -s INT -- -" .. host.pid)
    local result = host:wait(20)
    assert.matches("^false\t.*interrupted!\t30\n$", result and result.stdout)
  end)
end)

describe("a host that is stopped and goes on", function()
  helper.guard()

  it("has lost nothing", function()
    local path, dir = program [[
      local pool <close> = WorkerPool { n_jobs = 2 }
      local list = pool:map(function(x) here() core.sleep(0.02) return x end, range(40))
      print(list.n, list[40])]]
    local host = helper.start { helper.lua, path }
    noted(dir, 2)
    for _ = 1, 5 do
      host:kill("STOP")
      helper.sleep(0.03)
      host:kill("CONT")
      helper.sleep(0.03)
    end
    local result = host:wait(20)
    assert.are.equal("40\t40\n", result and result.stdout)
  end)
end)
