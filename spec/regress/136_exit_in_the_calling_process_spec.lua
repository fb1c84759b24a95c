-- With n_jobs = 0 a task that called os.exit ended the caller's program, where with
-- workers it is a crash of that task.

local helper = require "spec.support.helper"
local WorkerPool = require("workerpool").WorkerPool

describe("os.exit in a task, with n_jobs = 0", function()
  helper.guard()

  local function exits(x)
    if x == 2 then os.exit(3) end
    return x
  end

  local function error_with(n_jobs, f, tasks, opts)
    local pool <close> = WorkerPool { n_jobs = n_jobs, keep_alive = true }
    local ok, err = pcall(pool.map, pool, f, tasks, opts)
    assert.is_false(ok)
    assert.are.same({ 5, n = 1 }, pool:map(math.abs, { -5 }))
    return err
  end

  it("is the error that it is with workers", function()
    local exit = os.exit
    local here, there = error_with(0, exits, { 1, 2 }), error_with(1, exits, { 1, 2 })
    for _, field in ipairs {
      "kind", "message", "exit_code", "hint", "task_index", "args", "worker_id", "attempt", "cause",
    } do
      assert.are.equal(there[field], here[field], field)
    end
    assert.matches("called exit with status 3 while running task 2", here.message)
    assert.matches("136_exit_in_the_calling_process_spec.lua", here.traceback)
    local err = error_with(0, function() error("x") end, { 1 })
    assert.is_nil(err.traceback:find("inline.lua", 1, true))
    assert.are.equal(exit, os.exit)
  end)

  it("takes the codes that Lua takes", function()
    for _, case in ipairs { { true, 0 }, { false, 1 }, { 0, 0 }, { 9, 9 } } do
      local code = case[1]
      assert.are.equal(case[2], error_with(0, function() os.exit(code, true) end, { 1 }).exit_code)
    end
    assert.are.equal(0, error_with(0, function() os.exit() end, { 1 }).exit_code)
  end)

  it("may be collected and tried again", function()
    local pool <close> = WorkerPool { n_jobs = 0 }
    local results = pool:map(exits, { 1, 2, 3 }, { on_error = "collect", retries = 1 })
    assert.are.same({ 1, 3 }, { results[1], results[3] })
    assert.are.same({ "crash", 2 }, { results[2].kind, results[2].attempt })
    local result = pool:apply_async(exits, { 2 })
    assert.is_false(result:successful())
  end)

  it("is an error of worker_init and of worker_exit", function()
    for _, name in ipairs { "worker_init", "worker_exit" } do
      local exit = os.exit
      local pool <close> = WorkerPool { n_jobs = 0 }
      local ok, err = pcall(pool.map, pool, exits, { 1 }, { [name] = function() os.exit(4) end })
      assert.is_false(ok)
      assert.are.equal(name .. ": exit was called with status 4", err.message)
      assert.are.equal(exit, os.exit)
    end
  end)

  it("is the caller's own in what is no task", function()
    local exit, seen = os.exit, {}
    local pool <close> = WorkerPool { n_jobs = 0 }
    local function iterator()
      seen[#seen + 1] = os.exit
      return #seen < 3 and #seen or nil
    end
    for _ in pool:imap(exits, iterator, { on_error = "collect", chunk_size = 1 }) do
      seen[#seen + 1] = os.exit
    end
    assert.is_true(#seen > 3)
    for _, found in ipairs(seen) do assert.are.equal(exit, found) end
  end)
end)
