-- Of the functions that are alive when workers are forked only the one of the call could
-- be used there as it is: another one with a file or a coroutine in its upvalues was
-- refused as an argument, and in the next call of a pool that is kept alive.

local helper = require "spec.support.helper"
local WorkerPool = require("workerpool").WorkerPool

local count = coroutine.wrap(function() for i = 1, math.huge do coroutine.yield(i) end end)

describe("A function that was alive when workers were forked, and cannot be sent", function()
  helper.guard()

  local file = io.stdout
  local function kind() return io.type(file) end
  local function both() return kind(), count() end
  local class = { kind = function() return io.type(file) end }

  it("may be an argument, and comes back as itself", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local results, back = pool:map(function(f) return f(), f end, { kind, both, class.kind })
    assert.are.same({ "file", "file", "file", n = 3 }, results)
    assert.are.equal(kind, back[1])
    assert.are.equal(both, back[2])
    assert.are.equal(class.kind, back[3])
  end)

  it("may be the function of a later call", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    pool:map(type, { 1 })
    assert.are.same({ "file", n = 1 }, pool:map(kind, { 1 }))
    assert.are.same({ "file", 1 }, { pool:apply(both) })
    assert.are.same({ "file", 2 }, { pool:apply(both) })
    for _, result in pool:imap(class.kind, { 1 }) do assert.are.equal("file", result) end
  end)

  it("is there in workers that were forked later", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local results = pool:map(function(f) return f() end, { kind, kind, kind },
      { worker_lifespan = 1, chunk_size = 1 })
    assert.are.same({ "file", "file", "file", n = 3 }, results)
  end)

  it("is refused when its upvalues have changed since, or it was made later", function()
    local held = io.stdout
    local function holder() return io.type(held) end
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    pool:map(type, { 1 })
    assert.are.same({ "file", n = 1 }, pool:map(holder, { 1 }))
    held = io.stderr
    local function later() return held end
    for _, f in ipairs { holder, later } do
      local ok, err = pcall(pool.map, pool, f, { 1 })
      assert.is_false(ok)
      assert.matches("cannot send function upvalue 'held': userdata (FILE*)", err, 1, true)
    end
    held = 7
    assert.are.same({ 7, n = 1 }, pool:map(later, { 1 }))
  end)

  it("is found from functions that call each other", function()
    local odd
    local function even(n) return n == 0 and kind() or odd(n - 1) end
    function odd(n) return n ~= 0 and even(n - 1) end
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    pool:map(type, { 1 })
    assert.are.same({ "file", false, n = 2 }, pool:map(even, { 2, 3 }))
    assert.are.same({ "file", n = 1 }, pool:map(odd, { 1 }))
  end)

  it("does not keep others from being sent as they are now", function()
    local config = { x = 1 }
    local function value() return config.x end
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    pool:map(type, { 1 })
    config.x = 2
    assert.are.same({ 2, n = 1 }, pool:map(value, { 1 }))
  end)
end)
