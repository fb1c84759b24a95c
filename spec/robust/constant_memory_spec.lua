-- What a call or a pool has under way does not grow with what it has done: the
-- memory of the host and of its workers, descriptors, shared pages, mappings.
-- timeout: 600

local helper = require "spec.support.helper"

local MEASURE = [[
  local workerpool = require "workerpool"
  local core = require "workerpool.core"
  local WorkerPool, range = workerpool.WorkerPool, workerpool.range
  local function count(...) local n = 0 for _ in ... do n = n + 1 end return n end
  -- Of a process with a sanitizer those that are shared, as all of a pool's are:
  -- its allocator maps more and more for itself.
  local function mappings()
    local n = 0
    for line in io.lines("/proc/self/maps") do
      if not sanitized or line:find("^%S+ ...s") then n = n + 1 end
    end
    return n
  end
  local function resident(pid)
    local file <close> = io.open(("/proc/%s/status"):format(pid or "self"))
    return file and tonumber(file:read("a"):match("VmRSS:%s*(%d+)")) or 0
  end
  local function private(pid)
    local file <close> = io.open(("/proc/%s/smaps_rollup"):format(pid))
    return file and tonumber(file:read("a"):match("Private_Dirty:%s*(%d+)")) or 0
  end
  -- The most that was seen, in KB; looked at while the call is under way.
  local most = 0
  local function look(i, each)
    if i % each ~= 0 then return end
    if slow then core.sleep(0.002) end
    most = math.max(most, resident())
  end
  local function workers(pool)
    local sum = 0
    for w = 0, 1 do sum = math.max(sum, resident(pool.crew.engine:pid(w))) end
    return sum
  end
  -- Of their own: what a worker has of the host's memory depends on when it was
  -- forked, and what it has seen of the pool's on its age. The host has all of it.
  local function own(pool)
    local most = 0
    for w = 0, 1 do most = math.max(most, private(pool.crew.engine:pid(w))) end
    return most
  end
]]

-- Runs the source in a host of its own with `n`, and returns what it prints: a
-- list of numbers.
local function measured(source, n, settings)
  local path = helper.write(helper.tmpdir() .. "/program.lua",
    ("local n = %d\n%s\n"):format(n, settings or "") .. MEASURE .. source)
  local result = helper.run({ helper.lua, path }, { timeout = 100 })
  assert.are.equal(0, result.status, result.stderr)
  local numbers = {}
  for word in result.stdout:gmatch("%d+") do numbers[#numbers + 1] = tonumber(word) end
  return numbers
end

-- Ten times the tasks, and the same memory. By number: a list of a million
-- numbers is 16 MB. By weight: all of them would be 800 MB and 4 GB.
local function stays(what, source, fewer, more, slack_kb, settings)
  it(what, function()
    -- A sanitizer keeps what is freed for a while: then only the programs run.
    if helper.sanitized then
      return assert.is_true(#measured(source, fewer // 10, settings) > 0)
    end
    local small, large = measured(source, fewer, settings), measured(source, more, settings)
    for i = 1, #large do
      assert.is_true(large[i] <= small[i] + slack_kb, ("%d: %d KB with %d tasks, %d KB with %d"):format(
        i, small[i], fewer, large[i], more))
    end
  end)
end

local BY_NUMBER, BY_WEIGHT = 8000, 48000 -- KB

describe("a lazy map of a million tasks holds memory constant:", function()
  helper.guard()

  stays("an endless input that is consumed slowly", [[
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local i = 0
    local function input() i = i + 1 return i <= n and i or nil end
    for k in pool:imap(function(x) return x end, input, { chunk_size = 200 }) do look(k, 20000) end
    print(most, workers(pool))]], 100000, 1000000, BY_NUMBER, "slow = true")

  stays("results that come faster than they are read", [[
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local k = 0
    for _ in pool:imap_unordered(function(x) return x end, range(n), { chunk_size = 200 }) do
      k = k + 1
      look(k, 20000)
    end
    print(most, workers(pool))]], 100000, 1000000, BY_NUMBER, "slow = true")

  stays("in order, behind a slow first task", [[
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    for k in pool:imap(function(x) if x == 1 then core.sleep(0.5) end return x end, range(n),
        { chunk_size = 200 }) do
      look(k, 20000)
    end
    print(most, workers(pool))]], 100000, 1000000, BY_NUMBER)
end)

describe("a lazy map of heavy tasks holds memory constant:", function()
  helper.guard()

  stays("an input of 4 KB a task", [[
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local i, body = 0, ("x"):rep(4000)
    local function input() i = i + 1 return i <= n and body .. i or nil end
    for k in pool:imap(function() return 1 end, input) do look(k, 2000) end
    print(most, workers(pool))]], 20000, 200000, BY_WEIGHT)

  stays("results of 4 KB behind a slow first task", [[
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local body = ("x"):rep(4000)
    for k in pool:imap(function(x) if x == 1 then core.sleep(1) end return body .. x end,
        range(n)) do
      look(k, 2000)
    end
    print(most, workers(pool))]], 20000, 200000, BY_WEIGHT)

  stays("both, in any order, with a slow reader", [[
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local i, k, body = 0, 0, ("x"):rep(20000)
    local function input() i = i + 1 return i <= n and body .. i or nil end
    for _ in pool:imap_unordered(function(x) return x end, input) do
      k = k + 1
      look(k, 500)
    end
    print(most, workers(pool))]], 5000, 50000, BY_WEIGHT, "slow = true")

  it("no chunk of our own choice is heavier than some MB", function()
    local most = measured([[
      local pool <close> = WorkerPool { n_jobs = 2 }
      local body = ("x"):rep(100000)
      for k in pool:imap(function(x) if x == 1 then core.sleep(1) end return body .. x end, range(n)) do
        look(k, 50)
      end
      print(most)]], 10000)[1]
    assert.is_true(helper.sanitized ~= nil or most < 150000, most .. " KB of results that all are 1,000,000")
  end)
end)

describe("single tasks hold memory constant", function()
  helper.guard()

  stays("when results are taken, and when they are forgotten", [[
    local pool <close> = WorkerPool { n_jobs = 2 }
    for i = 1, n do
      local result = pool:apply_async(function(x) return x end, { i })
      if i % 64 == 0 then result:get() end
      look(i, 640)
    end
    print(most, workers(pool))]], 10000, 100000, BY_NUMBER)
end)

describe("a pool that is used again and again keeps nothing:", function()
  helper.guard()

  -- Twice as often. Before each look every worker has gone through its ring and
  -- has made as much garbage as the others, also a young one: who leaves a loop
  -- early has some killed.
  local function used(call, keep_alive, n)
    return measured(([[
      local pool <close> = WorkerPool { n_jobs = 2, keep_alive = %s }
      local function figures()
        pool:set_order_tasks(true)
        for _ = 1, 60 do
          pool:map(function() return ("x"):rep(1000) end, range(100), { chunk_size = 10 })
        end
        pool:map(function() collectgarbage() end, range(8), { chunk_size = 1 })
        pool:set_order_tasks(false)
        collectgarbage()
        collectgarbage()
        print(resident(), count(require("lfs").dir("/proc/self/fd")), mappings(),
          pool.crew and own(pool) or 0, private("self"))
      end
      for i = 1, n do
        %s
        if i == n // 2 then figures() end
      end
      figures()]]):format(keep_alive, call), n, "sanitized = " .. tostring(helper.sanitized ~= nil))
  end

  local CALLS = {
    ["map"] = "pool:map(function(x) return x + i end, range(20), { chunk_size = 5 })",
    ["imap that is left early"] =
      "for k in pool:imap(function(x) return x + i end, range(20), { chunk_size = 5 }) do if k == 9 then break end end",
    ["map that fails"] = "pcall(pool.map, pool, function() error(i) end, range(20))",
    ["apply"] = "pool:apply(function(x) return x + i end, { 1 })",
  }
  for name, call in pairs(CALLS) do
    for _, keep_alive in ipairs { true, false } do
      -- New workers for each call take their time.
      local times = (keep_alive or name == "map") and 2000 or 500
      it(("%d times %s, keep_alive = %s"):format(times, name, keep_alive), function()
        local figures = used(call, keep_alive, times)
        local n = #figures // 2
        local function grows(k, slack) return figures[n + k] > figures[k] + slack end
        -- Of a worker that was forked lately all that the host has may be its own,
        -- for a collection writes to it.
        figures[4] = math.max(figures[4], figures[n + 5])
        assert.is_false(not helper.sanitized and grows(1, 1500), "resident: " .. table.concat(figures, " "))
        assert.are.equal(figures[2], figures[n + 2], "descriptors")
        assert.is_false(grows(3, 2), "mappings: " .. table.concat(figures, " "))
        assert.is_false(not helper.sanitized and grows(4, 2500), "workers: " .. table.concat(figures, " "))
      end)
    end
  end
end)
