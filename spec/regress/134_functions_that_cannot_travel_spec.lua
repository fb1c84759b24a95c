-- A function that cannot travel was refused without saying by which call, or in which
-- line, and as "function[1]"; the run that had begun stayed with the crew.

local helper = require "spec.support.helper"
local refusals = require "spec.support.refusals"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

describe("A function that cannot travel", function()
  helper.guard()

  -- Made after the workers, which would have it otherwise.
  local function holder_of(file)
    return function() return file end
  end

  local CALLS = {
    map = function(pool, f) local _ = pool:map(f, { 1 }) end,
    map_unordered = function(pool, f) local _ = pool:map_unordered(f, { 1 }) end,
    imap = function(pool, f) for _ in pool:imap(f, { 1 }) do error("entered") end end,
    imap_unordered = function(pool, f) local _ = pool:imap_unordered(f, { 1 })() end,
    apply = function(pool, f) local _ = pool:apply(f) end,
    apply_async = function(pool, f) local _ = pool:apply_async(f) end,
  }

  for _, method in ipairs { "fork", "forkserver", "spawn", "threading" } do
    it("is refused at the caller's line, by every call, under " .. method, function()
      local pool <close> = WorkerPool { n_jobs = 1, start_method = method, keep_alive = true }
      assert.are.same({ "number", n = 1 }, pool:map(type, { 1 }))
      for name, call in pairs(CALLS) do
        assert.matches(name .. ": cannot send function upvalue 'file': userdata %(FILE%*%)",
          refusals.refusal(call, pool, holder_of(io.stdout)))
      end
      assert.are.same({ "number", n = 1 }, pool:map(type, { 1 }))
    end)
  end

  it("is told by its path where it is an object that can be called", function()
    local object = setmetatable({ file = io.stdout }, { __call = type })
    workerpool.register_class("spec.134", getmetatable(object))
    local pool <close> = WorkerPool { n_jobs = 1, start_method = "spawn" }
    assert.matches("map: cannot send function%.file: userdata", refusals.refusal(function()
      local _ = pool:map(object, { 1 })
    end))
  end)

  it("opens no bar, and leaves nothing of its call", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    pool:map(type, { 1 })
    local told = 0
    local function count() told = told + 1 end
    local ok = pcall(pool.map, pool, holder_of(io.stdout), { 1 }, {
      progress_bar = { update = count, close = count },
    })
    assert.is_false(ok)
    assert.are.equal(0, told)
    assert.is_nil(next(pool.crew.owners))
  end)
end)
