-- A method that was called with a dot raised "attempt to index …" at a line
-- inside of the library.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

-- Nearly all of them; imap_unordered and the like share their check with these.
local OF_POOLS = { "map", "imap", "apply", "apply_async", "poll", "fileno", "wait_any",
  "stop_and_join", "terminate", "get_exit_results", "pass_on_worker_id",
  "set_use_worker_state", "set_keep_alive", "set_order_tasks", "set_shared_objects",
  "get_insights", "print_insights" }
local OF_RESULTS = { "ready", "successful", "wait", "get", "cancel", "task_id" }

describe("With a dot for a colon", function()
  helper.guard()

  local function refused(object, noun, name)
    for _, argument in ipairs { false, math.abs, {}, 5, "x" } do
      local ok, err = pcall(function() object[name](argument or nil, {}) end)
      assert.is_false(ok)
      assert.matches(("^.-082_method_called_with_a_dot_spec%%.lua:%%d+: %s: wanted a %s, got .+"
        .. "%%(methods are called with a colon: %s:%s%%)$"):format(name, noun, noun, name), err)
    end
  end

  for _, name in ipairs(OF_POOLS) do
    it(name .. " says so", function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
      refused(pool, "pool", name)
    end)
  end

  for _, name in ipairs(OF_RESULTS) do
    it(name .. " says so", function()
      local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
      refused(pool:apply_async(math.abs, 1), "result", name)
    end)
  end
end)
