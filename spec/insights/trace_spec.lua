-- trace = "file.json": a call as events that viewers open.

local helper = require "spec.support.helper"
local cjson = require "cjson"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local function nap(x)
  core.sleep(0.005)
  return x
end

local function read(path)
  local trace = cjson.decode(helper.read(path))
  for _, event in ipairs(trace.traceEvents) do
    assert.is_string(event.name)
    assert.is_number(event.pid)
    assert.is_number(event.tid)
    if event.ph == "X" then assert.is_true(event.dur >= 0) end
    if event.ph ~= "M" then assert.is_number(event.ts) end
  end
  return trace.traceEvents, trace.otherData
end

local function only(events, fields)
  local found = {}
  for _, event in ipairs(events) do
    local fits = true
    for key, value in pairs(fields) do fits = fits and event[key] == value end
    if fits then found[#found + 1] = event end
  end
  return found
end

local function names_of(events)
  local names = {}
  for _, event in ipairs(events) do names[event.name] = true end
  return names
end

describe("a trace", function()
  helper.guard()
  local path
  before_each(function() path = helper.tmpdir() .. "/trace.json" end)

  it("has chunks, tasks, lives of workers, and what the host does", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(nap, workerpool.range(12), {
      trace = path, chunk_size = 3,
      worker_init = function() core.sleep(0.01) end, worker_exit = function() end,
    })
    local events, other = read(path)
    assert.are.same({ call = "map", events_left_out = 0 }, other)
    assert.are.equal(4, #only(events, { cat = "chunk" }))
    assert.are.equal(12, #only(events, { cat = "task" }))
    assert.is_true(names_of(events)["tasks 4-6"] and names_of(events)["task 12"])
    for _, name in ipairs { "start-up", "init", "exit" } do
      assert.are.equal(2, #only(events, { cat = "worker", name = name }))
    end
    local host = names_of(only(events, { cat = "host", tid = 0 }))
    assert.is_true(host["encode"] and host["take results"] and host["wait"])
  end)

  it("names the rows", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(nap, { 1 }, { trace = path })
    local rows = {}
    for _, event in ipairs(only(read(path), { name = "thread_name" })) do
      rows[event.tid] = event.args.name
    end
    assert.are.same({ [0] = "calling process", "worker 0", "worker 1" }, rows)
  end)

  it("has each task inside of its chunk, and as long as it was", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    pool:map(nap, workerpool.range(4), { trace = path, chunk_size = 4 })
    local events = read(path)
    local chunk = only(events, { cat = "chunk" })[1]
    assert.are.equal(4, chunk.args.tasks)
    assert.is_true(chunk.args.work_ms >= 19)
    for _, task in ipairs(only(events, { cat = "task" })) do
      assert.is_true(task.dur >= 4900)
      assert.is_true(task.ts >= chunk.ts - 100)
      assert.is_true(task.ts + task.dur <= chunk.ts + chunk.dur + 100)
    end
  end)

  it("leaves out tasks too short to see", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x) return x end, workerpool.range(20000), { trace = path })
    assert.are.equal(20000, list.n)
    local tasks = 0
    local events = read(path)
    for _, chunk in ipairs(only(events, { cat = "chunk" })) do tasks = tasks + chunk.args.tasks end
    assert.are.equal(20000, tasks)
    assert.is_true(#only(events, { cat = "task" }) < 2000)
  end)

  it("is written when the call fails", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, err = pcall(pool.map, pool, function(x)
      if x == 8 then error("no") end
      return nap(x)
    end, workerpool.range(20), { trace = path, chunk_size = 1 })
    assert.is_false(ok)
    assert.are.equal(8, err.task_index)
    assert.is_true(#only(read(path), { cat = "chunk" }) > 0)
    assert.are.same({ 1, n = 1 }, pool:map(nap, { 1 }))
  end)

  it("shows a worker that died", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    pool:map(function(x)
      if x == 2 then os.exit(3) end
    end, { 1, 2, 3 }, { trace = path, on_error = "collect", chunk_size = 1 })
    local lost = only(read(path), { cat = "lost" })
    assert.are.equal(1, #lost)
    assert.are.equal("worker 0 died at task 2", lost[1].name)
  end)

  it("is written when a loop is left", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    for i in pool:imap(nap, workerpool.range(1000), { trace = path, chunk_size = 1 }) do
      if i == 5 + pool.n_jobs then break end
    end
    -- Of its last chunk a worker may not have told yet.
    assert.is_true(#only(read(path), { cat = "chunk" }) >= 5)
  end)

  it("works with workers that are there already, without processes, and with insights",
    function()
      local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true, enable_insights = true }
      pool:map(nap, { 1, 2 })
      pool:map(nap, { 3, 4, 5 }, { trace = path, chunk_size = 1 })
      assert.are.equal(3, #only(read(path), { cat = "chunk" }))
      pool:map(nap, { 6 })
      assert.are.same({ 6 }, pool:get_insights().n_completed_tasks)
      local inline <close> = WorkerPool { n_jobs = 0 }
      inline:map(nap, { 1, 2 }, { trace = path, chunk_size = 2 })
      assert.are.equal(1, #only(read(path), { cat = "chunk" }))
      assert.are.equal(2, #only(read(path), { cat = "task" }))
    end)

  it("does not change the size of chunks", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    pool:map(function(x) return x end, workerpool.range(100000), { trace = path })
    assert.is_true(#only(read(path), { cat = "chunk" }) < 5000)
  end)

  it("is refused where it cannot be written, before anything runs", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    for _, title in ipairs { "map", "map_unordered" } do
      local ok, message = pcall(function()
        pool[title](pool, nap, { 1 }, { trace = "/no/such/folder/trace" })
      end)
      assert.is_false(ok)
      assert.matches("trace_spec.lua:%d+: " .. title .. ": option 'trace': cannot write "
        .. "/no/such/folder/trace", message)
    end
    assert.are.same({ 1, n = 1 }, pool:map(nap, { 1 }))
  end)

  it("may be interrupted while it is written", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local open = io.open
    io.open = function(name, mode) -- luacheck: ignore 122
      if mode == "w" then error("interrupted!", 0) end
      return open(name, mode)
    end
    local ok, err = pcall(pool.map, pool, nap, { 1 }, { trace = helper.tmpdir() .. "/trace" })
    io.open = open -- luacheck: ignore 122
    assert.are.same({ false, "interrupted!" }, { ok, err })
    assert.are.equal(1, #pool:map(nap, { 1 }))
  end)

  it("says so when the disk is full", function()
    if not io.open("/dev/full", "a") then return end
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.map, pool, nap, { 1 }, { trace = "/dev/full" })
    assert.is_false(ok)
    assert.are.equal("map: cannot write the trace: No space left on device", err.message)
    assert.are.same({ 1, n = 1 }, err.results[1])
  end)
end)
