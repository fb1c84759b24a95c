-- Variables of a task's that are to be closed, and the error that is under way.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

-- What a closed variable is given goes where the host finds it.
local function noting(seen)
  return setmetatable({}, { __close = function(_, err) seen.err = err end })
end

local function throws(seen, value)
  local _ <close> = noting(seen)
  error(value, 0)
end

for _, case in ipairs {
  { name = "threads", start_method = "threading", n_jobs = 1 },
  { name = "a forked worker", n_jobs = 1 },
  { name = "the calling process", n_jobs = 0 },
} do
  describe("A variable that is to be closed, in " .. case.name, function()
    helper.guard()

    local function pool_of()
      return WorkerPool { n_jobs = case.n_jobs, start_method = case.start_method, keep_alive = true }
    end

    it("is closed with what was thrown, and the host has the whole error", function()
      local pool <close> = pool_of()
      for _, value in ipairs { "text", 42, { code = 1 } } do
        local seen = workerpool.Dict()
        local ok, err = pcall(pool.map, pool, throws, { { seen, value } })
        assert.is_false(ok)
        assert.are.same(value, seen.err)
        assert.are.same(value, err.cause)
        assert.matches("^%[C%]: in .*'error'\n.*closed_variables_spec.lua", err.traceback)
      end
    end)

    it("may raise another error, which counts", function()
      local pool <close> = pool_of()
      local ok, err = pcall(pool.map, pool, function()
        local _ <close> = setmetatable({}, { __close = function(_, first)
          error({ second = first.code + 1 })
        end })
        error({ code = 1 })
      end, { 1 })
      assert.is_false(ok)
      assert.are.same({ second = 2 }, err.cause)
    end)

    it("is closed so in worker_init and worker_exit, too", function()
      for _, phase in ipairs { "worker_init", "worker_exit" } do
        local pool <close> = pool_of()
        pool:set_keep_alive(false)
        local seen = workerpool.Dict()
        local ok, err = pcall(pool.map, pool, type, { 1 }, {
          [phase] = function() throws(seen, { phase = phase }) end,
        })
        assert.is_false(ok)
        assert.are.same({ phase = phase }, seen.err)
        assert.are.same({ phase = phase }, err.cause)
        assert.matches(phase .. ": ", err.message)
      end
    end)
  end)
end

describe("A task's error", function()
  helper.guard()

  it("may read as Ctrl-C does", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local ok, err = pcall(pool.map, pool, error, { { "interrupted!", 0 } })
    assert.is_false(ok)
    assert.are.equal("interrupted!", err.message)
    assert.are.same({ "number", n = 1 }, pool:map(type, { 1 }))
  end)
end)
