-- Large strings and the collector: see codec_large.c. What a task leaves behind
-- goes soon, what has become old in time.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local MB = 1 << 20
local LARGE = ("x"):rep(MB)

local function megabytes() return collectgarbage("count") // 1024 end

describe("A worker that is sent large strings", function()
  helper.guard()

  -- In a program of its own: a heap as large as this one is frozen.
  it("is spared full collections", function()
    local path = helper.write(helper.tmpdir() .. "/program.lua", [[
      local workerpool = require "workerpool"
      local pool <close> = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
      pool:map(function() end, workerpool.range(2000))
      local large = ("x"):rep(1 << 20)
      local function send(n) for _ = 1, n do assert(pool:apply(string.len, { large }) == 1 << 20) end end
      -- What is in package.loaded is the worker's own.
      local function leave_old_garbage()
        local loaded = package.loaded
        local object = setmetatable({}, { __gc = function() loaded["spec.ended"] = true end })
        for _ = 1, 4 do collectgarbage("step") end
        return object ~= nil
      end
      local function has_ended() return package.loaded["spec.ended"] == true end
      send(3)
      pool:apply(leave_old_garbage)
      send(40)
      print(pool:apply(has_ended))
      pool:apply(collectgarbage)
      print(pool:apply(has_ended))]])
    local done = helper.run({ helper.lua, path }, { timeout = 60 })
    assert.are.equal("", done.stderr)
    assert.are.equal("false\ntrue\n", done.stdout)
  end)

  for _, method in ipairs { "fork", "forkserver", "spawn", "threading" } do
    it("is rid of each with the next one or two, start method " .. method, function()
      local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true, start_method = method }
      local most = 0
      for _ = 1, 40 do
        pool:apply(string.len, { LARGE })
        most = math.max(most, pool:apply(megabytes))
      end
      assert.is_true(most < 6, most .. " MB")
    end)
  end

  it("does not keep what has become old for ever", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local function keep(text)
      local kept = package.loaded["spec.kept"] or {}
      package.loaded["spec.kept"] = kept
      kept[#kept + 1] = text
    end
    for _ = 1, 30 do pool:apply(keep, { LARGE }) end
    assert.is_true(pool:apply(megabytes) >= 30)
    pool:apply(function() package.loaded["spec.kept"] = nil end)
    for _ = 1, 60 do pool:apply(string.len, { LARGE }) end
    assert.is_true(pool:apply(megabytes) < 30)
  end)

  it("has its collector changed once, and not against a task's wish", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    -- Returns what it was.
    local function set(mode) return collectgarbage(mode) end
    pool:apply(string.len, { LARGE })
    assert.are.equal("generational", pool:apply(set, { "incremental" }))
    for _ = 1, 3 do pool:apply(string.len, { LARGE }) end
    assert.are.equal("incremental", pool:apply(set, { "incremental" }))
  end)

  it("leaves a collector alone that has been stopped", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    pool:apply(collectgarbage, { "stop" })
    for _ = 1, 20 do pool:apply(string.len, { LARGE }) end
    assert.is_true(pool:apply(megabytes) >= 20)
    assert.is_false(pool:apply(collectgarbage, { "isrunning" }))
  end)
end)

describe("Huge strings", function()
  helper.guard()

  it("are collected before the next one is made, on both sides", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local worker_had = pool:apply(megabytes)
    local huge = ("y"):rep(32 * MB)
    local host_had, in_host, in_worker = megabytes(), 0, 0
    local function same(text) return text, collectgarbage("count") // 1024 end
    for _ = 1, 8 do
      local text, count = pool:apply(same, { huge })
      assert(text == huge)
      in_worker = math.max(in_worker, count - worker_had)
      in_host = math.max(in_host, megabytes() - host_had)
    end
    assert.is_true(in_worker < 2 * 32, in_worker .. " MB in the worker")
    assert.is_true(in_host < 2 * 32, in_host .. " MB in the host")
  end)

  it("take the place of the one before, in pages that are there", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local huge = ("y"):rep(32 * MB)
    local function faults()
      local file <close> = assert(io.open("/proc/self/stat"))
      local words = file:read("a"):gsub("^.*%) ", "")
      return tonumber(words:match(("%S+ "):rep(7) .. "(%d+)"))
    end
    local function took(text) return #text, faults() end
    for _ = 1, 4 do pool:apply(took, { huge }) end
    local _, before = pool:apply(took, { huge })
    local after
    for _ = 1, 5 do _, after = pool:apply(took, { huge }) end
    -- A sanitizer has an allocator of its own. New pages would be 8192 a string, or
    -- 16 huge ones and some hundred small ones at its ends.
    assert.is_true(helper.sanitized ~= nil or after - before < 500, after - before .. " faults")
  end)

  if not helper.sanitized then it("that memory does not suffice for fail alone", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true, memory_limit = 80 * MB }
    local huge, too_huge = ("y"):rep(32 * MB), ("z"):rep(100 * MB)
    for _ = 1, 3 do
      for _ = 1, 3 do assert.are.equal(32 * MB, pool:apply(string.len, { huge })) end
      local ok, err = pcall(pool.apply, pool, string.len, { too_huge })
      assert.is_false(ok)
      assert.are.equal("memory", err.kind)
    end
  end) end

  it("are all there when they are kept", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local list = pool:map(function(i) return ("%07d "):format(i):rep(4 * MB) end,
      workerpool.range(5))
    for i = 1, 5 do
      assert.are.equal(32 * MB, #list[i])
      assert.are.equal(("%07d "):format(i), list[i]:sub(-8))
    end
  end)
end)
