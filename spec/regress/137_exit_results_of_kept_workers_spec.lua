-- get_exit_results is of the workers that have ended since the last map began. With
-- keep_alive it went on with those of earlier maps; and where a map replaced the workers
-- what they returned was lost.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local function same(...) return ... end
local function exit_a() return "a" end
local function exit_b() return "b" end

for _, method in ipairs { "fork", "spawn", "threading" } do
  describe("Exit results of workers that are kept, under " .. method, function()
    helper.guard()

    local function kept()
      return WorkerPool { n_jobs = 1, start_method = method, keep_alive = true }
    end

    it("are listed anew by each map", function()
      local pool <close> = kept()
      local opts = { worker_exit = exit_a, worker_lifespan = 2, chunk_size = 1 }
      local ended = 0
      for _ = 1, 3 do
        pool:map(same, workerpool.range(5), opts)
        local results = pool:get_exit_results()
        assert.is_true(#results >= 2 and #results <= 3)
        ended = ended + #results
      end
      local before = #pool:get_exit_results()
      pool:stop_and_join()
      ended = ended + #pool:get_exit_results() - before
      -- 15 tasks, two for each worker, of which the last has had one.
      assert.are.equal(8, ended)
    end)

    it("are there of those that a map has replaced", function()
      local pool <close> = kept()
      pool:map(same, { 1 }, { worker_exit = exit_a })
      assert.are.same({}, pool:get_exit_results())
      pool:map(same, { 1 }, { worker_exit = exit_b })
      assert.are.same({ "a" }, pool:get_exit_results())
      pool:map(same, { 1 }, { restart_workers = true })
      assert.are.same({ "b" }, pool:get_exit_results())
    end)

    it("stay in a list that was asked for", function()
      local pool <close> = kept()
      pool:map(same, { 1 }, { worker_exit = exit_a })
      pool:stop_and_join()
      local first = pool:get_exit_results()
      pool:map(same, { 1 }, { worker_exit = exit_b })
      assert.are.same({ "a" }, first)
      assert.are.same({}, pool:get_exit_results())
    end)

    it("are counted from the last map on, also by apply", function()
      local pool <close> = kept()
      pool:map(same, { 1 }, { worker_exit = exit_a })
      pool:apply(same, 1, { worker_exit = exit_b })
      pool:stop_and_join()
      assert.are.same({ "a", "b" }, pool:get_exit_results())
    end)
  end)
end
