-- A handle that had been somewhere and came back was not equal to the one that was sent;
-- and pairs of an Array said that it was no table.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local function made()
  return {
    workerpool.Array("l", { 1, 2, 3 }), workerpool.Value("d"), workerpool.Lock(),
    workerpool.Event(), workerpool.Semaphore(1), workerpool.Barrier(1), workerpool.Queue(2),
    workerpool.Dict(),
  }
end

local function back(object) return object end

describe("Handles of shared objects", function()
  helper.guard()

  it("are equal when they are of one object, and only then", function()
    local objects, others = made(), made()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local returned = pool:map(back, workerpool.single(objects))
    for i, object in ipairs(objects) do
      assert.is_true(object == returned[i], tostring(object))
      assert.is_true(object ~= others[i], tostring(object))
      for k, other in ipairs(objects) do assert.are.equal(i == k, object == other) end
      assert.is_false(object == io.stdout)
    end
  end)

  it("are equal in a worker, too", function()
    local objects = made()
    for _, method in ipairs { "fork", "spawn", "threading" } do
      local pool <close> = WorkerPool {
        n_jobs = 1, start_method = method, shared_objects = objects,
      }
      local equal = pool:map(function(shared, i, object) return shared[i] == object end,
        { { 1, objects[1] }, { 8, objects[8] }, { 1, objects[8] } })
      assert.are.same({ true, true, false, n = 3 }, equal)
    end
  end)

  it("of views are equal when they are of the same part", function()
    local array = workerpool.Array("l", { 1, 2, 3 })
    assert.is_true(array:slice(2, 3) == array:slice(2))
    assert.is_true(array:slice() == array)
    assert.is_false(array:slice(1, 2) == array:slice(2, 3))
    assert.is_false(array:slice(1, 2) == array)
  end)
end)

describe("pairs of an Array", function()
  helper.guard()

  it("is as ipairs, of a view as well", function()
    local array, seen = workerpool.Array("d", { 5, 6, 7 }), {}
    for i, x in pairs(array:slice(2)) do seen[i] = x end
    assert.are.same({ 6.0, 7.0 }, seen)
    for _ in pairs(workerpool.Array("l", 0)) do error("it is empty") end
  end)
end)
