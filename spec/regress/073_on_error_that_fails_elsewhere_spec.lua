-- The caller's loop over a lazy call may wait for a single task. When the event of the
-- call's own task came there and its on_error, retry_delay, on_message or on_output
-- raised an error, the single task's get raised it, and the loop waited for ever.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local workerpool = require "workerpool"

describe("an error of a caller's function of a lazy call", function()
  helper.guard()

  local function work(x)
    if x <= 20 then return x end
    workerpool.emit(x)
    if x % 2 == 0 then os.exit(2) end
    error("bad", 0)
  end

  local function listener() error("from the listener", 0) end

  local WAYS = {
    on_error = { on_error = listener },
    ["retry_delay"] = { retries = 1, retry_delay = listener },
    ["on_message"] = { on_message = listener, on_error = "collect" },
    ["on_error that says nonsense"] = { on_error = function() return "from the listener" end },
  }
  for name, options in pairs(WAYS) do
    it("ends that call, whoever waits: " .. name, function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 2, keep_alive = true }
      options.chunk_size, options.max_tasks_active = 5, 40
      local seen = 0
      local ok, err = pcall(function()
        for i, x in pool:imap(work, workerpool.range(40), options) do
          assert.are.equal(i, x)
          seen = i
          -- Until all that was sent has come.
          for _ = 1, 4 do
            assert.are.equal(5, pool:apply(function() core.sleep(0.005) return 5 end))
          end
        end
      end)
      assert.is_false(ok)
      assert.matches("from the listener", err)
      assert.are.equal(20, seen)
      assert.are.equal(7, pool:apply(function() return 7 end))
    end)
  end

  it("ends it when it is no string", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    for _, thrown in ipairs { 5, false } do
      local ok, err = pcall(pool.map, pool, function() error("bad") end, { 1 },
        { on_error = function() error(thrown) end, progress_bar = function() end })
      assert.is_false(ok)
      assert.are.equal(tostring(thrown), tostring(err))
    end
  end)
end)
