-- A host that came back late took a worker to be at a task whose result it had not
-- read yet: the task that was late ran again, and so did one that was not, but
-- stood behind one with a shorter limit.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local workerpool = require "workerpool"

local SHORT = 0.3 * helper.scale

describe("behind tasks whose results nobody has read", function()
  helper.guard()

  local function stay(counts, i, seconds)
    counts:add(i, 1)
    core.sleep(seconds)
    return i
  end

  for _, method in ipairs { "fork", "threading" } do
    it("a late task runs once: " .. method, function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 1, start_method = method }
      local counts, results = workerpool.Array("i", 3), {}
      for i = 1, 3 do
        results[i] = pool:apply_async(function(list, k, ends)
          list:add(k, 1)
          while not ends do end
          return k
        end, { counts, i, i < 3 }, { task_timeout = SHORT })
      end
      helper.sleep(3 * SHORT)
      local ok, err = pcall(results[3].get, results[3])
      assert.is_false(ok)
      assert.are.equal("timeout", err.kind)
      assert.are.same({ 1, 1, 1 }, counts:totable())
    end)
  end

  it("one with a longer limit is let run", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local counts = workerpool.Array("i", 2)
    local short = pool:apply_async(stay, { counts, 1, 0 }, { task_timeout = SHORT })
    local long = pool:apply_async(stay, { counts, 2, 4 * SHORT }, { task_timeout = 100 * SHORT })
    helper.sleep(2 * SHORT)
    assert.are.equal(2, long:get())
    assert.are.equal(1, short:get())
    assert.are.same({ 1, 1 }, counts:totable())
  end)

  it("so does one of a chunk whose first results are large", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
    local counts = workerpool.Array("i", 8)
    local seen = {}
    for i, value in pool:imap_unordered(function(list, k)
      if k > 4 then list:add(k, 1) end
      while k == 8 do end
      return k > 4 and ("x"):rep(5000) or ""
    end, { { counts, 1 }, { counts, 2 }, { counts, 3 }, { counts, 4 }, { counts, 5 }, { counts, 6 },
      { counts, 7 }, { counts, 8 } }, { chunk_size = 4, task_timeout = SHORT, on_error = "collect" }) do
      if i == 1 then helper.sleep(3 * SHORT) end
      seen[i] = value
    end
    assert.are.equal("timeout", seen[8].kind)
    assert.are.same({ 0, 0, 0, 0, 1, 1, 1, 1 }, counts:totable())
  end)
end)
