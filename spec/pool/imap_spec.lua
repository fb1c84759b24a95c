-- imap and imap_unordered: a loop over results that pulls tasks as it goes.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local function square(x) return x * x end

local function counter(limit)
  local state = { pulled = 0 }
  return function()
    if limit and state.pulled == limit then return nil end
    state.pulled = state.pulled + 1
    return state.pulled
  end, state
end

describe("imap", function()
  helper.guard()

  it("yields the task's number and its results, in order", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local seen = {}
    for i, sq in pool:imap(square, { 3, 1, 2 }) do seen[#seen + 1] = { i, sq } end
    assert.are.same({ { 1, 9 }, { 2, 1 }, { 3, 4 } }, seen)
  end)

  it("goes on after a nil result and yields several values", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local seen = {}
    for i, a, b in pool:imap(function(x)
      if x == 2 then return nil end
      if x == 3 then return "a", "b" end
      if x == 4 then return end
      return x
    end, workerpool.range(5)) do
      seen[#seen + 1] = table.pack(i, a, b)
    end
    assert.are.same({
      { 1, 1, nil, n = 3 }, { 2, nil, nil, n = 3 }, { 3, "a", "b", n = 3 },
      { 4, nil, nil, n = 3 }, { 5, 5, nil, n = 3 },
    }, seen)
  end)

  it("yields exactly the values that a task returned", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local counts = {}
    local step, state, control = pool:imap(function(x)
      return table.unpack({}, 1, x)
    end, { 0, 1, 2, 3 })
    repeat
      local values = table.pack(step(state, control))
      control = values[1]
      counts[#counts + 1] = values.n - 1
    until control == nil
    assert.are.same({ 0, 1, 2, 3, 0 }, counts)
  end)

  it("starts nothing before the loop begins", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local before = #helper.children()
    local step = pool:imap(square, { 1, 2 })
    assert.are.equal(before, #helper.children())
    assert.are.equal(1, (step()))
    assert.are.equal(2, (step()))
    assert.is_nil((step()))
  end)

  it("tells of mistakes at once, at the caller's line", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, message = pcall(function() pool:imap(square, {}, { chunksize = 3 }) end)
    assert.is_false(ok)
    assert.matches("imap_spec.lua:%d+: imap: unknown option 'chunksize'", message)
    assert.matches("did you mean 'chunk_size'", message)
  end)

  it("pulls an endless iterator only as far as is needed", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local tasks, state = counter()
    local sum = 0
    for i, sq in pool:imap(square, tasks, { chunk_size = 1, max_tasks_active = 4 }) do
      sum = sum + sq
      assert.is_true(state.pulled - i <= 4, "pulled " .. state.pulled .. " at " .. i)
      if i == 100 then break end
    end
    assert.are.equal(338350, sum)
    assert.is_true(state.pulled <= 104)
  end)

  it("leaves the rest of an iterator alone when the loop is left", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local tasks, state = counter()
    for i in pool:imap(square, tasks, { max_tasks_active = 10 }) do
      if i == 5 then break end
    end
    local pulled = state.pulled
    assert.are.same({ 4, n = 1 }, pool:map(square, { 2 }))
    assert.are.equal(pulled, state.pulled)
  end)

  it("cancels at once when the loop is left, however long tasks run", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local began = helper.now()
    for _, v in pool:imap_unordered(function(x)
      if x > 1 then require("workerpool.core").sleep(60) end
      return x
    end, workerpool.range(10), { chunk_size = 1 }) do
      assert.are.equal(1, v)
      if v then break end
    end
    assert.is_true(helper.now() - began < 20)
    assert.are.same({ 9, n = 1 }, pool:map(square, { 3 }))
  end)

  it("cancels when the body raises", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, message = pcall(function()
      for _ in pool:imap(square, workerpool.range(1000)) do error("enough", 0) end
    end)
    assert.is_false(ok)
    assert.are.equal("enough", message)
    assert.are.same({ 9, n = 1 }, pool:map(square, { 3 }))
  end)

  it("refuses a second call while one is under way, and harms the first in no way", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local seen = 0
    for i in pool:imap(square, workerpool.range(200)) do
      seen = seen + 1
      if i == 3 then
        local ok, message = pcall(pool.map, pool, square, { 1 })
        assert.is_false(ok)
        assert.matches("this pool is running imap", message)
      end
    end
    assert.are.equal(200, seen)
  end)

  it("frees the pool when an unfinished loop was dropped", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    do
      local step = pool:imap(square, workerpool.range(1000))
      step()
    end
    assert.are.same({ 4, n = 1 }, pool:map(square, { 2 }))
  end)

  it("does not hang when max_tasks_active is below chunk_size", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(square, workerpool.range(20),
      { chunk_size = 5, max_tasks_active = 2 })
    assert.are.equal(20, list.n)
    assert.are.equal(400, list[20])
  end)

  it("holds the memory of the host constant over many tasks", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local tasks = counter(300000)
    local least, most = math.huge, 0
    for i in pool:imap(function(x) return x end, tasks) do
      if i % 50000 == 0 then
        collectgarbage()
        local kib = collectgarbage("count")
        least, most = math.min(least, kib), math.max(most, kib)
      end
    end
    assert.is_true(most - least < 8192, ("%.0f to %.0f KiB"):format(least, most))
  end)
end)

describe("imap_unordered", function()
  helper.guard()

  it("yields results as they come, with their task's number", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local seen = {}
    for i, v in pool:imap_unordered(function(x)
      if x == 1 then require("workerpool.core").sleep(0.3) end
      return x * 10
    end, { 1, 2, 3 }, { chunk_size = 1 }) do
      seen[#seen + 1] = { i, v }
    end
    assert.are.same({ { 2, 20 }, { 3, 30 }, { 1, 10 } }, seen)
  end)
end)
