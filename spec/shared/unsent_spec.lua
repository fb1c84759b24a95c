-- Shared objects in messages that could not be written to their end: nobody will receive
-- them, so nothing may hold them.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local figures = require("workerpool.shared").figures

describe("A shared object in what cannot be sent", function()
  helper.guard()

  local function collect()
    collectgarbage()
    collectgarbage()
  end

  it("is held by nobody, as an argument", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    pool:apply(function() end)
    local before = figures().objects
    for _ = 1, 3 do
      local array = workerpool.Array("d", 10)
      local ok, err = pcall(pool.apply, pool, function() end, { { array, array:slice(2, 3) }, io.stdout })
      assert.is_false(ok)
      assert.matches("userdata (FILE*)", tostring(err), 1, true)
    end
    collect()
    -- The next message takes the one before back.
    assert.are.equal(7, pool:apply(function(t) return t[1][1] end, { { { 7 } } }))
    assert.are.equal(before, figures().objects)
  end)

  it("is held by nobody, as a result", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    pool:apply(function() end)
    local before = figures().objects
    for _ = 1, 3 do
      assert.is_false(pcall(pool.apply, pool, function()
        return { require("workerpool").Array("d", 10), io.stdout }
      end))
    end
    assert.are.equal(7, pool:apply(function()
      collectgarbage()
      collectgarbage()
      return { { 7 } }
    end)[1][1])
    assert.are.equal(before, figures().objects)
  end)

  it("is sent with the others, when the one behind cannot be", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local tasks = {}
    for i = 1, 30 do
      tasks[i] = { workerpool.Array("q", { i }), i % 3 == 0 and io.stdout or nil, n = 2 }
    end
    local results = pool:map(function(array) return array[1] end, tasks,
      { chunk_size = 10, on_error = "collect" })
    for i = 1, 30 do
      if i % 3 == 0 then assert.is_true(workerpool.is_error(results[i]))
      else assert.are.equal(i, results[i]) end
    end
  end)
end)
