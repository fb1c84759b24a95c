-- Tasks of apply_async that waited for room in the engine were sent only by calls
-- of the apply family. When a map had taken all results meanwhile, whoever waited
-- for them waited for ever; and a pool that ended had forgotten them.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local MOST = 16384 -- parcels under way
local N = MOST + 3000

describe("Tasks that wait for room in the engine", function()
  helper.guard()

  local function same(x) return x end

  -- More than there is room for, behind a task that waits for the gate.
  local function crowded(opts)
    opts.n_jobs = opts.n_jobs or 1
    local pool = workerpool.WorkerPool(opts)
    local gate, results = workerpool.Event(), {}
    pool:apply_async(function(event) event:wait() end, { gate })
    for i = 1, N do results[i] = pool:apply_async(same, { i }) end
    gate:set()
    return pool, results
  end

  local function check(results)
    for i = 1, N do assert(results[i]:get() == i) end
  end

  for _, keep_alive in ipairs { true, false } do
    it(("are sent while a map runs, keep_alive = %s"):format(keep_alive), function()
      local pool <close>, results = crowded { keep_alive = keep_alive }
      assert.are.equal(10, pool:map(same, workerpool.range(10))[10])
      check(results)
    end)
  end

  it("are done when the pool is joined", function()
    local pool, results = crowded {}
    pool:stop_and_join()
    check(results)
  end)

  it("are done before workers are replaced", function()
    local pool <close>, results = crowded { keep_alive = true }
    pool:map(same, { 1 }, { restart_workers = true })
    check(results)
  end)

  it("are cancelled with the pool", function()
    local pool, results = crowded {}
    pool:terminate()
    local ok, err = pcall(results[N].get, results[N])
    assert.is_false(ok)
    assert.are.equal("cancelled", err.kind)
  end)

  it("have what their function held when they were asked for", function()
    local held = 1
    local function holder() return held end
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local gate, results = workerpool.Event(), {}
    pool:apply_async(function(event) event:wait() end, { gate })
    for i = 1, N do results[i] = pool:apply_async(holder) end
    held = io.stdout
    gate:set()
    assert.are.equal(1, results[1]:get())
    assert.are.equal(1, results[N]:get())
    held = 2
    assert.are.equal(2, pool:apply(holder))
  end)

  it("fail when they are tried again and their function holds what does not travel", function()
    local held = 1
    local function fails() error(held) end
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local gate = workerpool.Event()
    pool:apply_async(function(event) event:wait() end, { gate })
    local result = pool:apply_async(fails, nil, { retries = 1 })
    held = io.stdout
    gate:set()
    local ok, err = pcall(result.get, result)
    assert.is_false(ok)
    assert.are.equal("encode", err.kind)
    assert.matches("cannot send function upvalue 'held': userdata (FILE*)", err.message, 1, true)
  end)
end)

describe("A task whose function does not travel", function()
  helper.guard()

  it("is refused, and nobody waits for it", function()
    local file = io.stdout
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    assert.are.equal(1, pool:apply(function() return 1 end))
    for _, method in ipairs { "apply", "apply_async" } do
      local ok, err = pcall(pool[method], pool, function() return file end)
      assert.is_false(ok)
      assert.matches("cannot send function upvalue 'file': userdata (FILE*)", err, 1, true)
    end
    assert.are.equal(0, pool.queue.pending)
  end)
end)
