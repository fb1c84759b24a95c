-- A program that was executed for the pool, and a thread, knew the class of task errors
-- only when a task had loaded the whole library: the errors of one call, which
-- on_error = "collect" leaves among the results, could not be tasks of the next one.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local function fail(x) error({ code = x }) end

local function collected(method)
  local pool <close> = WorkerPool { n_jobs = 2, start_method = method }
  return pool:map(fail, { 1, 2, 3 }, { on_error = "collect" })
end

for _, method in ipairs { "fork", "forkserver", "spawn", "threading" } do
  describe("Task errors under " .. method, function()
    helper.guard()

    it("may be tasks of another call", function()
      local errors = collected(method)
      local pool <close> = WorkerPool { n_jobs = 2, start_method = method }
      local codes, texts, back = pool:map(function(err)
        return err.cause.code, tostring(err), err
      end, errors)
      for i = 1, 3 do
        assert.are.equal(i, codes[i])
        assert.are.equal(tostring(errors[i]), texts[i])
        assert.is_true(workerpool.is_error(back[i]))
      end
    end)

    it("may be shared objects, and upvalues of the function", function()
      local err = collected(method)[1]
      local pool <close> = WorkerPool { n_jobs = 1, start_method = method, shared_objects = err }
      local function kinds(shared) return shared.kind, err.kind end
      assert.are.same({ "error", "error" }, { pool:apply(kinds) })
    end)

    it("may come through shared memory", function()
      local err = collected(method)[2]
      local queue, dict = workerpool.Queue(1), workerpool.Dict()
      queue:put(err)
      dict.failed = err
      local pool <close> = WorkerPool { n_jobs = 1, start_method = method }
      local function codes(q, d) return q:get().cause.code, d.failed.cause.code end
      assert.are.same({ 2, 2 }, { pool:apply(codes, { queue, dict }) })
    end)
  end)
end
