-- Random numbers in tasks: of its own for each worker, or the same again by a seed.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local WorkerPool = workerpool.WorkerPool

local function draw() return math.random(1 << 30) end

local function slowly()
  core.sleep(0.02)
  return math.random(1 << 30)
end

local function distinct(list)
  local seen, n = {}, 0
  for i = 1, list.n do
    if not seen[list[i]] then n = n + 1 end
    seen[list[i]] = true
  end
  return n
end

describe("math.random", function()
  helper.guard()

  it("differs between workers", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    assert.are.equal(4, distinct(pool:map(slowly, workerpool.range(4), { chunk_size = 1 })))
  end)

  it("differs between runs", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    assert.are_not.equal(pool:map(draw, { 1 })[1], pool:map(draw, { 1 })[1])
  end)

  it("differs between workers that call randomseed without arguments", function()
    local pool <close> = WorkerPool { n_jobs = 4 }
    local list = pool:map(function()
      math.randomseed()
      return slowly()
    end, workerpool.range(4), { chunk_size = 1 })
    assert.are.equal(4, distinct(list))
  end)

  it("gives the same results for every n_jobs when there is a seed", function()
    local expected
    for _, n_jobs in ipairs { 1, 2, 4, 0 } do
      local pool <close> = WorkerPool { n_jobs = n_jobs, seed = 42 }
      local list = pool:map(function(x) return x, math.random(), math.random(100) end,
        workerpool.range(50))
      local _, floats, integers = pool:map(function(x)
        return x, math.random(), math.random(100)
      end, workerpool.range(50), { chunk_size = n_jobs + 1 })
      assert.are.equal(50, list.n)
      expected = expected or { floats, integers }
      assert.are.same(expected, { floats, integers })
    end
    assert.are.equal(50, distinct(expected[1]))
  end)

  it("gives other results for another seed", function()
    local a <close> = WorkerPool { n_jobs = 2, seed = 1 }
    local b <close> = WorkerPool { n_jobs = 2, seed = 2 }
    assert.are_not.equal(a:map(draw, { 1 })[1], b:map(draw, { 1 })[1])
  end)
end)
