-- Now and then, in the midst of many results, the engine looks at its
-- descriptors, and so forgot that it had been rung. A poll that had taken all
-- results by then did not ask to be rung again: a host that slept on the pool's
-- descriptor was not woken by what came next.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local readable = helper.c_module "readable"
local workerpool = require "workerpool"

describe("A loop around the pool's descriptor is woken", function()
  helper.guard()

  -- Takes all of n results at once, without a look that finds nothing.
  local function take(pool, n)
    local last
    for i = 1, n do last = pool:apply_async(math.abs, { -i }) end
    core.sleep(0.2)
    pool:poll()
    assert.is_true(last:wait(30))
  end

  for _, n in ipairs { 1, 2, 127, 128, 129, 200, 500 } do
    it(("after %d results in one poll"):format(n), function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
      pool:apply(math.abs, { 1 })
      for _ = 1, 3 do
        take(pool, n)
        local result = pool:apply_async(math.abs, { -7 })
        local turns = 0
        repeat
          assert.is_true(readable(pool:fileno(), 10))
          pool:poll()
          turns = turns + 1
        until result:ready()
        assert.are.equal(7, result:get())
        assert.is_true(turns < 10)
      end
      while readable(pool:fileno(), 0) do pool:poll() end
      assert.is_false(readable(pool:fileno(), 0.1))
    end)
  end

  it("when get has taken one of two results", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    pool:apply(math.abs, { 1 })
    pool:fileno()
    local first, second = pool:apply_async(math.abs, { 1 }), pool:apply_async(math.abs, { 2 })
    core.sleep(0.2)
    assert.are.equal(1, first:get())
    assert.is_true(readable(pool:fileno(), 10))
    assert.are.equal(2, second:get())
  end)
end)
