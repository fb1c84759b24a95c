-- A table that was handed to set_shared_objects, changed, and handed to it again was the
-- same table: workers that are kept went on with what it had held before.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local function read(shared) return shared.x end

for _, method in ipairs { "fork", "forkserver", "spawn", "threading" } do
  describe("set_shared_objects under " .. method, function()
    helper.guard()

    it("hands out the table as it is now, each time it is called", function()
      local pool <close> = WorkerPool { n_jobs = 1, start_method = method, keep_alive = true }
      local shared = {}
      for x = 1, 3 do
        shared.x = x
        pool:set_shared_objects(shared)
        assert.are.equal(x, pool:map(read, { 1 })[1])
        assert.are.equal(x, pool:apply(read, { 1 }))
      end
    end)
  end)
end

describe("set_shared_objects", function()
  helper.guard()

  it("keeps workers where what they have cannot have changed", function()
    local array = workerpool.Array("l", 1)
    for _, value in ipairs { "text", 7, false, array } do
      local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true, shared_objects = value }
      local before = pool:map(core.getpid, { 1 })
      pool:set_shared_objects(value)
      assert.are.same(before, pool:map(core.getpid, { 1 }))
    end
  end)
end)
