-- Ctrl-C is an error at any instruction. A program may catch it and go on: then
-- its pool works, and what was asked of it before is still to be had.
--
-- In place of a signal, a hook that counts and then does what the interpreter's
-- does. Every 97th instruction or so has its turn, another one in each run.
-- timeout: 400

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool, range = workerpool.WorkerPool, workerpool.range

local STEP = 97
local function same(...) return ... end

-- Calls f and raises at the n-th instruction, call or return. How it ended, or
-- nil when it had fewer.
local function interrupted_at(n, f)
  local count, fired = 0, false
  local function hook()
    count = count + 1
    if count < n then return end
    debug.sethook()
    fired = true
    error("interrupted!", 0)
  end
  local ok, err = pcall(function()
    debug.sethook(hook, "crl", 1)
    f()
    debug.sethook()
  end)
  debug.sethook()
  if not fired then return nil end
  return not ok and tostring(err):find("interrupted!", 1, true) ~= nil
end

-- Makes `prepare` anew for every n; it returns what is interrupted, and what
-- must hold then.
local function at_every_instruction(prepare)
  local n = 1 + math.random(STEP)
  for _ = 1, 1000 do
    local pool <close>, act, check = prepare()
    local heard = interrupted_at(n, act)
    if heard == nil then return end
    assert.is_true(heard, "swallowed at instruction " .. n)
    check(pool, n)
    local list = pool:map(same, range(20))
    for i = 1, 20 do assert.are.equal(i, list[i], "instruction " .. n) end
    pool:terminate()
    assert.are.same({}, helper.children(), "instruction " .. n)
    n = n + STEP
  end
end

local function nothing() end

describe("an interrupt that is caught", function()
  helper.guard()

  for _, keep_alive in ipairs { true, false } do
    it("in map, with keep_alive = " .. tostring(keep_alive), function()
      at_every_instruction(function()
        local pool = WorkerPool { n_jobs = 2, keep_alive = keep_alive }
        return pool, function()
          pool:map(same, { 1, 2, 3, 4, 5, 6, 7, 8 }, { chunk_size = 2, on_error = "collect" })
        end, nothing
      end)
    end)
  end

  it("in a lazy loop", function()
    at_every_instruction(function()
      local pool = WorkerPool { n_jobs = 2, keep_alive = true }
      return pool, function()
        for _ in pool:imap(same, range(8), { chunk_size = 2 }) do core.getpid() end
      end, nothing
    end)
  end)

  it("in stop_and_join", function()
    at_every_instruction(function()
      local pool = WorkerPool { n_jobs = 2, keep_alive = true }
      local result = pool:apply_async(same, { 7 })
      return pool, function() pool:stop_and_join() end, function()
        -- It was finished before the interrupt, or ended by it.
        local ok, value = pcall(result.get, result, 10)
        assert.are.equal(ok and 7 or "cancelled", ok and value or value.kind)
      end
    end)
  end)

  -- Every result is there whatever was interrupted while it came in.
  local function get_all(n_jobs, f, kind_of)
    return function()
      local pool = WorkerPool { n_jobs = n_jobs, keep_alive = true }
      local results = {}
      for i = 1, 6 do results[i] = pool:apply_async(f, { i }) end
      return pool, function()
        for i = 1, 6 do results[i]:wait() end
      end, function(_, n)
        for i = 1, 6 do
          local ok, value = pcall(results[i].get, results[i], 10)
          local want = kind_of(i)
          assert.are.equal(want, ok and value or value.kind, ("result %d, instruction %d"):format(i, n))
        end
      end
    end
  end

  it("in get", function()
    at_every_instruction(get_all(2, same, same))
  end)

  it("in get, when a worker dies", function()
    at_every_instruction(get_all(1, function(i)
      if i == 3 then os.exit(3) end
      return i
    end, function(i) return i == 3 and "crash" or i end))
  end)

  it("in get, without workers", function()
    at_every_instruction(get_all(0, same, same))
  end)
end)
