-- A pool that is ended in the middle of its own call: by the body of a loop,
-- by the iterator, or by any function that the call itself calls.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool
local range = workerpool.range

local function same(...) return ... end

describe("the end of a call by its own loop or callback", function()
  helper.guard()

  -- What ends a pool in the middle of its own call is told so in the words of
  -- the library, and the pool can be used again.
  local function ends_well(run)
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, err = pcall(run, pool)
    assert.is_false(ok)
    assert.is_true(workerpool.is_error(err), tostring(err))
    assert.are.equal("cancelled", err.kind)
    assert.are.same({}, helper.children())
    assert.are.same({ 5, n = 1 }, pool:map(same, { 5 }))
  end

  it("terminate in the body of a loop that goes on", function()
    ends_well(function(pool)
      for i in pool:imap(same, range(1000), { chunk_size = 1 }) do
        if i == 3 then pool:terminate() end
      end
    end)
  end)

  it("terminate in the body of a loop that is left then", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    for i in pool:imap(same, range(1000), { chunk_size = 1 }) do
      if i == 3 then
        pool:terminate()
        break
      end
    end
    assert.are.same({}, helper.children())
    assert.are.same({ 5, n = 1 }, pool:map(same, { 5 }))
  end)

  it("terminate in the iterator that gives the tasks", function()
    ends_well(function(pool)
      local n = 0
      pool:map(same, function()
        n = n + 1
        if n == 10 then pool:terminate() end
        return n < 20 and n or nil
      end, { chunk_size = 1 })
    end)
  end)

  it("terminate in on_error", function()
    ends_well(function(pool)
      pool:map(error, range(10), { chunk_size = 1, on_error = function()
        pool:terminate()
        return "skip"
      end })
    end)
  end)

  it("terminate in on_message", function()
    ends_well(function(pool)
      pool:map(function() workerpool.emit(1) end, range(10), { chunk_size = 1,
        on_message = function() pool:terminate() end })
    end)
  end)

  it("terminate in the function that is told about progress", function()
    ends_well(function(pool)
      pool:map(same, range(10), { chunk_size = 1,
        progress_bar = function(p) if p.done > 0 then pool:terminate() end end })
    end)
  end)

  it("stop_and_join in the body of a loop that goes on", function()
    ends_well(function(pool)
      for i in pool:imap(same, range(1000), { chunk_size = 1 }) do
        if i == 3 then pool:stop_and_join() end
      end
    end)
  end)
end)
