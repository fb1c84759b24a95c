-- Chunk sizes, with simulated durations: no process, no clock.

local sizers = require "workerpool.sizer"

local TARGET, MOST = sizers.TARGET, sizers.MOST

-- Runs one chunk after another on an unbounded supply; cost(i) is the time
-- of task i. Gives the sizes and the number of the task that comes next.
local function run(sizer, chunks, cost, from)
  local sizes, at = {}, from or 1
  for k = 1, chunks do
    local n = sizer:next()
    local elapsed = n * cost(at)
    sizes[k], at = n, at + n
    sizer:observe(n, elapsed)
  end
  return sizes, at
end

local function constant(seconds) return function() return seconds end end

describe("a fixed size", function()
  local function sizes(opts, count, length)
    local sizer, list = sizers.new(opts), {}
    for i = 1, count do
      list[i] = sizer:next(length)
      if length then length = length - list[i] end
    end
    return list
  end

  it("is what chunk_size says, with its fraction carried", function()
    assert.same({ 4, 4, 4 }, sizes({ chunk_size = 4 }, 3))
    assert.same({ 3, 2, 3, 2 }, sizes({ chunk_size = 2.5 }, 4))
  end)

  it("adds up exactly over many chunks", function()
    local sum = 0
    for _, n in ipairs(sizes({ chunk_size = 1.1 }, 10000)) do sum = sum + n end
    assert.equal(11000, sum)
  end)

  it("is what n_splits says of the length", function()
    assert.same({ 4, 3, 3 }, sizes({ n_splits = 3, length = 10 }, 3, 10))
  end)

  it("is never more than what remains, nor less than 1", function()
    assert.same({ 4, 1 }, sizes({ chunk_size = 4 }, 2, 5))
    assert.equal(1, sizers.new({ chunk_size = 4 }):next(0))
    assert.equal(7, sizers.new({ chunk_size = 1e300 }):next(7))
    assert.equal(1, sizers.new({ n_splits = 3, length = 0 }):next(0))
  end)

  it("does not change by what is observed", function()
    local sizer = sizers.new { chunk_size = 4 }
    sizer:observe(4, 100)
    assert.equal(4, sizer:next())
  end)

  it("cannot be a part of an unknown length", function()
    assert.has_error(function() sizers.new { n_splits = 3 } end,
      "map: n_splits needs a length: give iterable_len, or chunk_size")
  end)
end)

describe("an adaptive size", function()
  it("starts at one task", function()
    assert.equal(1, sizers.new({ n_jobs = 4 }):next())
    assert.equal(1, sizers.new({ n_jobs = 4, length = 1000000 }):next(1000000))
  end)

  it("comes within a few chunks to the time it aims at", function()
    for _, seconds in ipairs { 1e-6, 1e-5, 1e-4, 5e-4 } do
      local sizes = run(sizers.new { n_jobs = 4 }, 12, constant(seconds))
      local time = sizes[12] * seconds
      assert.is_true(time > TARGET * 0.7 and time < TARGET * 1.3, seconds .. " gives " .. time)
    end
  end)

  it("grows by 4 at first, and faster once chunks say more", function()
    local sizes = run(sizers.new { n_jobs = 4 }, 6, constant(1e-7))
    assert.same({ 1, 4, 16, 64, 1024, 16384 }, sizes)
  end)

  it("grows only as far as chunks that were seen allow, however often", function()
    local sizer = sizers.new { n_jobs = 4 }
    for _ = 1, 100 do sizer:observe(1, 1e-7) end
    assert.equal(4, sizer:next())
  end)

  it("stays at one for tasks longer than the target", function()
    local sizes = run(sizers.new { n_jobs = 4 }, 10, constant(0.5))
    assert.same({ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, sizes)
  end)

  it("has an upper bound", function()
    local sizes = run(sizers.new { n_jobs = 4 }, 20, constant(0))
    assert.equal(MOST, sizes[20])
  end)

  it("shrinks at once when tasks get longer", function()
    local sizer = sizers.new { n_jobs = 4 }
    run(sizer, 10, constant(1e-6))
    assert.is_true(sizer:next() > 1000)
    sizer:observe(1000, 1000 * 0.01)
    assert.equal(1, sizer:next())
  end)

  it("grows again when tasks get shorter", function()
    local sizer = sizers.new { n_jobs = 4 }
    run(sizer, 10, constant(0.01))
    local sizes = run(sizer, 30, constant(1e-6))
    assert.is_true(sizes[30] > 2000)
  end)

  it("is careful again after it shrank", function()
    local sizer = sizers.new { n_jobs = 4 }
    run(sizer, 10, constant(1e-6))
    sizer:observe(1000, 10)
    sizer:observe(1, 0)
    assert.is_true(sizer:next() <= 4)
  end)

  it("keeps chunks of mixed tasks near the longer ones", function()
    local sizer = sizers.new { n_jobs = 4 }
    local long = 0
    for i = 1, 200 do
      local n = sizer:next()
      local seconds = i % 2 == 0 and 1e-3 or 1e-6
      if n * seconds > 4 * TARGET then long = long + 1 end
      sizer:observe(n, n * seconds)
    end
    assert.equal(0, long)
  end)

  it("leaves half of each worker's share for later when the end is known", function()
    local sizer = sizers.new { n_jobs = 4, length = 100000 }
    for _ = 1, 10 do sizer:observe(MOST, 0) end
    assert.equal(12500, sizer:next(100000))
    assert.equal(2, sizer:next(16))
    assert.equal(3, sizer:next(17))
    assert.equal(1, sizer:next(8))
    assert.equal(1, sizer:next(1))
    assert.equal(1, sizer:next(0))
  end)

  it("does not overflow near the largest length", function()
    local sizer = sizers.new { n_jobs = 4, length = math.maxinteger }
    for _ = 1, 10 do sizer:observe(MOST, 0) end
    assert.equal(MOST, sizer:next(math.maxinteger))
  end)

  it("gives out exactly all tasks of a known length", function()
    local sizer, left, chunks = sizers.new { n_jobs = 4, length = 100000 }, 100000, 0
    while left > 0 do
      local n = sizer:next(left)
      assert.is_true(n >= 1 and n <= left)
      left, chunks = left - n, chunks + 1
      sizer:observe(n, n * 1e-7)
    end
    assert.is_true(chunks < 100)
  end)

  it("ignores observations that make no sense", function()
    local sizer = sizers.new { n_jobs = 4 }
    sizer:observe(0, 1)
    sizer:observe(1, 0 / 0)
    sizer:observe(1, -5)
    assert.equal(4, sizer:next())
    assert.equal(1, sizers.new({ n_jobs = 0 }):next())
  end)
end)
