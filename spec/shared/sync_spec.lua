-- timeout: 180
-- Lock, Event, Semaphore and Barrier: how processes wait for each other, and
-- what becomes of them when one is killed.

local helper = require "spec.support.helper"
local refused = require("spec.support.refusals").refused
local workerpool = require "workerpool"
local WorkerPool, range = workerpool.WorkerPool, workerpool.range
local Lock, Event, Semaphore, Barrier = workerpool.Lock, workerpool.Event,
  workerpool.Semaphore, workerpool.Barrier

-- What a wait that must succeed may take on a machine that is busy.
local LONG = 60

-- Runs f(object) in a worker and kills that worker in the middle of it.
local function in_a_victim(object, f)
  local pool <close> = WorkerPool { n_jobs = 1, shared_objects = { object, f } }
  local ok, err = pcall(pool.apply, pool, function(shared)
    shared[2](shared[1])
    os.execute("kill -KILL $PPID")
  end)
  assert.is_false(ok)
  assert.matches("SIGKILL", tostring(err))
end

describe("A Lock", function()
  helper.guard()

  it("lets one in at a time", function()
    local lock, sum = Lock(), workerpool.Array("q", 2, { lock = false })
    local pool <close> = WorkerPool { n_jobs = 4, shared_objects = { lock, sum } }
    pool:map(function(shared)
      for _ = 1, 500 do
        shared[1]:with_lock(function()
          shared[2][1] = shared[2][1] + 1
          shared[2][2] = shared[2][2] - 1
        end)
      end
    end, range(8), { chunk_size = 1 })
    assert.are.same({ 4000, -4000 }, sum:totable())
  end)

  it("is tried, for a time, by those who do not want to wait", function()
    local lock, held, done = Lock(), Event(), Event()
    local pool <close> = WorkerPool { n_jobs = 1, shared_objects = { lock, held, done } }
    local r = pool:apply_async(function(s)
      s[1]:lock()
      s[2]:set()
      s[3]:wait()
      s[1]:unlock()
    end)
    assert.is_true(held:wait(LONG))
    assert.is_false(lock:try_lock())
    assert.is_false(lock:try_lock(0.02))
    done:set()
    r:get()
    assert.is_true(lock:try_lock(LONG))
    lock:unlock()
  end)

  it("gives back what a function returns, and itself when it raises", function()
    local lock = Lock()
    assert.are.same({ 1, nil, 3 }, { lock:with_lock(function() return 1, nil, 3 end) })
    refused("inside", lock.with_lock, lock, function() error("inside") end)
    assert.is_true(lock:try_lock())
    lock:unlock()
  end)

  it("tells the next one that its owner was killed, once", function()
    local lock = Lock()
    in_a_victim(lock, function(l) l:lock() end)
    assert.are.same({ true, "owner died" }, { lock:try_lock(LONG) })
    lock:unlock()
    assert.are.same({ true }, { lock:lock() })
    lock:unlock()
    in_a_victim(lock, function(l) l:lock() end)
    local _, told = lock:with_lock(function(_, died) return 1, died end)
    assert.are.equal("owner died", told)
  end)

  it("refuses what would wait for ever, and what it has not", function()
    local lock = Lock()
    lock:lock()
    refused("Lock: this process holds the lock already", lock.lock, lock)
    lock:unlock()
    refused("Lock: unlock without the lock", lock.unlock, lock)
    refused("number expected, got string", lock.try_lock, lock, "soon")
    refused("nan", lock.try_lock, lock, 0 / 0)
  end)
end)

describe("An Event", function()
  helper.guard()

  it("wakes all who wait for it", function()
    local go = Event()
    local pool <close> = WorkerPool { n_jobs = 3, shared_objects = go }
    local waiting = {}
    for i = 1, 3 do
      waiting[i] = pool:apply_async(function(e) return e:wait(60) end)
    end
    assert.is_false(go:is_set())
    go:set()
    for i = 1, 3 do assert.is_true(waiting[i]:get()) end
  end)

  it("stays set until it is cleared", function()
    local e = Event()
    e:set()
    e:set()
    assert.is_true(e:wait(0))
    assert.is_true(e:wait())
    e:clear()
    assert.is_false(e:is_set())
    assert.is_false(e:wait(0.01))
    assert.is_false(e:wait(-1))
  end)
end)

describe("A Semaphore", function()
  helper.guard()

  it("lets as many in as it has permits", function()
    local permits, inside = Semaphore(2), workerpool.Array("i", 2)
    local pool <close> = WorkerPool { n_jobs = 4, shared_objects = { permits, inside } }
    pool:map(function(s)
      for _ = 1, 200 do
        assert(s[1]:acquire(60))
        s[2]:max(2, s[2]:add(1, 1))
        s[2]:add(1, -1)
        s[1]:release()
      end
    end, range(8), { chunk_size = 1 })
    assert.are.equal(0, inside[1])
    assert.is_true(inside[2] == 1 or inside[2] == 2)
    assert.are.equal(2, permits:value())
  end)

  it("with none counts signals", function()
    local s = Semaphore(0)
    assert.is_false(s:acquire(0.01))
    s:release(3)
    assert.are.equal(3, s:value())
    for _ = 1, 3 do assert.is_true(s:acquire(0)) end
    assert.is_false(s:acquire(0))
  end)

  it("has so many permits at most as fit an int, and gives any number at once", function()
    local s = Semaphore(2)
    s:acquire()
    s:release(5) -- one of them is the one that was taken
    assert.are.equal(6, s:value())
    s:release(0x7fffffff - 6)
    assert.are.equal(0x7fffffff, s:value())
    refused("release: more than 2147483647 permits", s.release, s)
    assert.is_true(s:acquire(0))
    assert.are.equal(0x7ffffffe, s:value())
    s:release()
    assert.are.equal(0x7fffffff, s:value())
  end)

  it("takes back the permits of who was killed, and tells of it", function()
    local s = Semaphore(2)
    in_a_victim(s, function(permits)
      permits:acquire()
      permits:acquire()
    end)
    assert.are.same({ true, "owner died" }, { s:acquire(LONG) })
    assert.are.same({ true }, { s:acquire(LONG) })
    s:release(2)
    assert.are.equal(2, s:value())
  end)

  it("refuses what is no count", function()
    refused("Semaphore: permits: wanted an integer.*got %-1", Semaphore, -1)
    refused("Semaphore: permits: wanted an integer.*got 1.5", Semaphore, 1.5)
    local s = Semaphore()
    refused("positive count", s.release, s, 0)
  end)
end)

describe("A Barrier", function()
  helper.guard()

  it("holds all until the last has come, again and again", function()
    local barrier, round = Barrier(3), workerpool.Array("i", 4)
    local pool <close> = WorkerPool { n_jobs = 3, shared_objects = { barrier, round } }
    local results = pool:map(function(s, i)
      local numbers = 0
      for r = 1, 50 do
        s[2][i] = r
        numbers = numbers + assert(s[1]:wait(60))
        for other = 1, 3 do assert(s[2][other] >= r) end
        assert(s[1]:wait(60))
      end
      return numbers
    end, range(3), { chunk_size = 1 })
    local sum = 0
    for i = 1, 3 do sum = sum + results[i] end
    assert.are.equal(50 * (1 + 2 + 3), sum)
    assert.are.equal(0, barrier:waiting())
    assert.are.equal(3, barrier:parties())
  end)

  it("gives up waiting, and the place, at the time limit", function()
    local barrier = Barrier(2)
    assert.are.same({ false, "timeout" }, { barrier:wait(0.01) })
    assert.are.equal(0, barrier:waiting())
    local pool <close> = WorkerPool { n_jobs = 1, shared_objects = barrier }
    local other = pool:apply_async(function(b) return b:wait(60) end)
    assert.is_truthy(barrier:wait(LONG))
    assert.is_truthy(other:get())
  end)

  it("does not count who was killed while waiting", function()
    local barrier = Barrier(2)
    local pool <close> = WorkerPool { n_jobs = 2, shared_objects = barrier }
    local ok = pcall(pool.apply, pool, function(b)
      os.execute("(sleep 0.2; kill -KILL $PPID) &")
      b:wait()
    end)
    assert.is_false(ok)
    assert.is_truthy(helper.eventually(function() return barrier:waiting() == 0 end))
    local other = pool:apply_async(function(b) return b:wait(60) end)
    assert.is_truthy(barrier:wait(LONG))
    assert.is_truthy(other:get())
  end)

  it("refuses what is no number of parties", function()
    refused("Barrier: parties: wanted an integer.*got 0", Barrier, 0)
    refused("Barrier: parties: wanted an integer.*got nil", Barrier)
  end)
end)
