-- Workers that were about to leave, once they had done what was asked of them, left also
-- when a callback had begun an imap meanwhile, for others to go on with. That one then
-- raised "the pool was terminated", which nobody had done, or waited for ever; and when
-- it was collected it ended the workers of another call.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local function last(...) return select(-1, ...) end

-- Sends a task whose callback begins a loop, and returns what goes on with it.
local function send_loop(pool)
  local step
  pool:apply_async(last, { 1 }, { callback = function()
    step = pool:imap(last, workerpool.range(20), { chunk_size = 1 })
    assert(step() == 1)
  end })
  return function() return step() end
end

local function check_rest(step)
  for i = 2, 20 do assert.are.equal(i, (step())) end
  assert.is_nil(step())
end

describe("A loop that a callback begins while workers are about to leave", function()
  helper.guard()

  for n_jobs = 0, 2 do
    it(("goes on behind a map that was over, with %d workers"):format(n_jobs), function()
      local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs }
      local first = pool:imap(last, { 7 })
      assert.are.equal(7, select(2, first()))
      local step = send_loop(pool)
      assert.is_nil(first())
      check_rest(step)
      assert.are.same({}, helper.children())
    end)

    it(("keeps them from a call that wants others, with %d workers"):format(n_jobs), function()
      local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs, keep_alive = true }
      local step = send_loop(pool)
      pool:pass_on_worker_id(true)
      local ok, message = pcall(pool.map, pool, last, { 1, 2 })
      assert.is_false(ok)
      assert.matches("this pool is running imap", message)
      check_rest(step)
      assert.are.same({ 1, 2, n = 2 }, pool:map(last, { 1, 2 }))
    end)

    it(("is ended by who ends the pool, with %d workers"):format(n_jobs), function()
      local pool = workerpool.WorkerPool { n_jobs = n_jobs }
      local step = send_loop(pool)
      pool:stop_and_join()
      local ok, err = pcall(step)
      assert.is_false(ok)
      assert.are.equal("cancelled", err.kind)
      assert.are.same({}, helper.children())
      assert.are.same({ 3, n = 1 }, pool:map(last, { 3 }))
    end)

    it(("ends nobody's workers when it is forgotten, with %d workers"):format(n_jobs), function()
      local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs }
      local first = pool:imap(last, { 7 })
      first()
      send_loop(pool)
      assert.is_nil(first())
      local count = 0
      for i in pool:imap(last, workerpool.range(50), { chunk_size = 1 }) do
        count = i
        collectgarbage()
      end
      assert.are.equal(50, count)
    end)
  end
end)

-- A call that tells its progress bar that it is left is still the pool's: a join that
-- waited for it to be over waited for ever.
describe("A progress function that is told of the end of its call", function()
  helper.guard()

  for n_jobs = 0, 2 do
    it(("may join the pool, with %d workers"):format(n_jobs), function()
      local pool = workerpool.WorkerPool { n_jobs = n_jobs, keep_alive = true }
      local result = pool:apply_async(last, { 4 })
      local has_joined = false
      local function join(progress)
        if not progress.stopped then return end
        pool:stop_and_join()
        has_joined = true
      end
      do
        local step, _, _, loop = pool:imap(last, workerpool.range(100),
          { chunk_size = 1, progress_bar = join })
        local _ <close> = loop
        step()
      end
      assert.is_true(has_joined)
      assert.are.equal(4, result:get())
      assert.are.same({}, helper.children())
    end)
  end
end)
