-- on_error was asked while more was to be read from the event at hand. When it waited
-- for something of the same pool, a task was tried again with another one's arguments,
-- or not at all. A progress function that raised kept its call from ending.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local workerpool = require "workerpool"

local function same(...) return ... end

describe("a task that on_error has tried again", function()
  helper.guard()

  for n_jobs = 0, 2 do
    it(("has its own arguments, though on_error waited for others: %d workers"):format(n_jobs), function()
      local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs, keep_alive = true }
      local runs = workerpool.Array("i", 20)
      local list = pool:map(function(i)
        if runs:add(i, 1) == 1 then error("once", 0) end
        return i
      end, workerpool.range(20), { chunk_size = 5, on_error = function()
        assert(pool:apply(same, { -1 }) == -1)
        return "retry"
      end })
      for i = 1, 20 do assert.are.same({ i, 2 }, { list[i], runs[i] }) end
    end)
  end
end)

describe("a progress function that raises", function()
  helper.guard()

  -- The call is over: its workers are free, though they were at long tasks.
  local function is_over(pool)
    local list = pool:map(same, { 5 }, { task_timeout = 20 })
    assert.are.same({ 5, n = 1 }, list)
  end

  local function when_stopped(p)
    if p.stopped then error("mine", 0) end
  end

  it("at the early end of a loop, has ended the call", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
    local ok, err = pcall(function()
      for i in pool:imap(function(i) core.sleep(i > 1 and 60 or 0) end, workerpool.range(9),
        { chunk_size = 1, progress_bar = when_stopped }) do
        if i == 1 then break end
      end
    end)
    assert.are.same({ false, "mine" }, { ok, err })
    is_over(pool)
  end)

  it("behind another error, leaves that one as it is", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
    local ok, err = pcall(pool.map, pool, error, { "task" }, { progress_bar = when_stopped })
    assert.are.same({ false, "error" }, { ok, err.kind })
    is_over(pool)
  end)

  it("while its pool is ended, keeps nobody", function()
    local pool = workerpool.WorkerPool { n_jobs = 2 }
    local ok, err = pcall(pool.map, pool, same, function()
      pool:terminate()
      return 1
    end, { progress_bar = when_stopped })
    assert.are.same({ false, "cancelled" }, { ok, err.kind })
    assert.are.same({}, helper.children())
  end)

  it("at the end, is called no more", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
    local ends = 0
    local ok, err = pcall(pool.map, pool, same, { 1, 2 }, { progress_bar = function(p)
      if p.done < p.total then return end
      ends = ends + 1
      error("mine", 0)
    end })
    assert.are.same({ false, "mine", 1 }, { ok, err, ends })
    is_over(pool)
  end)
end)
