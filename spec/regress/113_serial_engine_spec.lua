-- With n_jobs = 0 the messages of a task were taken from the head of a list, each at
-- the cost of all behind it (12 s for 40,000); and a task that was to be tried again
-- after a while kept the processor busy until then.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("With n_jobs = 0", function()
  helper.guard()

  it("a task may send many messages", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 0 }
    local function seconds(n)
      local began, got = os.clock(), 0
      pool:map(function()
        for i = 1, n do workerpool.emit(i) end
      end, { 1 }, { on_message = function(_, i)
        got = got + 1
        assert(got == i)
      end })
      assert.are.equal(n, got)
      return os.clock() - began
    end
    seconds(1000)
    local few, many = math.huge, math.huge
    for _ = 1, 3 do few, many = math.min(few, seconds(2500)), math.min(many, seconds(20000)) end
    assert.is_true(many < 24 * few, ("%g s for 2500, %g s for 20000"):format(few, many))
  end)

  it("waiting for a task's next attempt takes no processor time", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 0 }
    local attempts = 0
    local began, cpu = os.time(), os.clock()
    local results = pool:map(function()
      attempts = attempts + 1
      if attempts < 3 then error("not yet") end
      return attempts
    end, { 1 }, { retries = 2, retry_delay = 1 })
    assert.are.equal(3, results[1])
    assert.is_true(os.time() - began >= 1)
    assert.is_true(os.clock() - cpu < 0.7)
  end)

  it("poll waits, and does not when there is no worker", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 0 }
    local result = pool:apply_async(function(x) return x end, { 1 })
    assert.are.equal(1, pool:poll(60))
    assert.are.equal(1, result:get())
    pool:stop_and_join()
    assert.are.equal(0, pool:poll(60))
  end)
end)

describe("A queue that is interrupted at any instruction", function()
  local fifo = require "workerpool.fifo"

  local function interrupted_at(n, f)
    local count = 0
    local ok = pcall(function()
      debug.sethook(function()
        count = count + 1
        if count == n then error("interrupted!", 0) end
      end, "crl", 1)
      f()
      debug.sethook()
    end)
    debug.sethook()
    return not ok
  end

  it("has what comes later, in order", function()
    local n = 1
    repeat
      local queue = fifo.new()
      local interrupted = interrupted_at(n, function()
        for i = 1, 3 do queue:put(i) end
        for _ = 1, 3 do queue:pop() end
        for i = 4, 6 do queue:put(i) end
      end)
      for i = 7, 9 do queue:put(i) end
      local got, item = {}, queue:pop()
      while item do
        got[#got + 1] = item
        item = queue:pop()
      end
      assert.are.same({ 7, 8, 9 }, table.move(got, #got - 2, #got, 1, {}))
      for i = 2, #got do assert.is_true(got[i - 1] < got[i]) end
      assert.is_nil(queue[queue.first])
      n = n + 1
    until not interrupted
    assert.is_true(n > 60)
  end)
end)
