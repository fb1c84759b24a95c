-- Options: what is accepted, what is refused, and in which words.

local options = require "workerpool.options"

-- What check says against these options; nil when it accepts them.
local function complaint(call, given)
  local checked, message = options.problem(call, given)
  return not checked and message or nil
end

local function accepted(call, name, value)
  local checked, message = options.problem(call, { [name] = value })
  assert.is_nil(message)
  return checked[name]
end

local function refused(call, name, ...)
  for _, value in ipairs { ... } do
    local message = complaint(call, { [name] = value })
    assert.is_truthy(message, name .. " accepted " .. tostring(value))
    assert.match("option '" .. name .. "': wanted .+, got .+", message)
  end
end

describe("defaults", function()
  it("are filled in, with or without a table of options", function()
    local expected = {
      daemon = true, pass_worker_id = false, use_worker_state = false, keep_alive = false,
      order_tasks = false, enable_insights = false, start_method = "fork",
    }
    assert.same(expected, options.check("constructor"))
    assert.same(expected, options.check("constructor", {}))
  end)

  it("of the map family include those of the progress bar", function()
    assert.same({
      progress_bar = false, retries = 0, retry_delay = 0, on_error = "raise",
      progress_bar_options = {
        unit = "task", position = 0, mininterval = 0.1, leave = true, style = "std",
      },
    }, options.check("map", {}))
  end)

  it("never touch the caller's table, which may inherit", function()
    local given = { progress_bar_options = { desc = "x" } }
    local checked = options.check("map", given)
    assert.same({ progress_bar_options = { desc = "x" } }, given)
    assert.not_equal(given.progress_bar_options, checked.progress_bar_options)
    local heir = setmetatable({}, { __index = { n_jobs = 3 } })
    assert.equal(3, options.check("constructor", heir).n_jobs)
  end)
end)

describe("an unknown option", function()
  it("is refused with the nearest known name", function()
    assert.equal("WorkerPool: unknown option 'njobs' (did you mean 'n_jobs'?)",
      complaint("constructor", { njobs = 4 }))
    assert.match("did you mean 'n_jobs'", complaint("constructor", { nJobs = 4 }))
    assert.match("did you mean 'chunk_size'", complaint("map", { chunksize = 4 }))
    assert.match("did you mean 'task_timeout'", complaint("map", { task_timeuot = 4 }))
    assert.match("did you mean 'task_timeout'", complaint("map", { timeout = 4 }))
    assert.match("did you mean 'colour'", complaint("progress", { color = "red" }))
  end)

  it("is refused without a guess when nothing is near", function()
    assert.equal("map: unknown option 'zzzzzz'", complaint("map", { zzzzzz = 1 }))
    assert.equal("map: unknown option ''", complaint("map", { [""] = 1 }))
    assert.match("unknown option 'x+'$", complaint("map", { [("x"):rep(10000)] = 1 }))
  end)

  it("that belongs elsewhere is told where it belongs", function()
    assert.equal("map: unknown option 'n_jobs' (it is an option of WorkerPool)",
      complaint("map", { n_jobs = 4 }))
    assert.equal("WorkerPool: unknown option 'desc' (it is an option of progress_bar_options)",
      complaint("constructor", { desc = "x" }))
  end)

  it("among several is always the same one", function()
    for _ = 1, 20 do
      assert.match("'aaa'", complaint("map", { ccc = 1, aaa = 1, bbb = 1 }))
    end
  end)

  it("may not be a position", function()
    assert.match("options are given by name, got one under the key 1",
      complaint("constructor", { 4 }))
  end)

  it("inside progress_bar_options names both", function()
    assert.equal("map: progress_bar_options: unknown option 'des' (did you mean 'desc'?)",
      complaint("map", { progress_bar_options = { des = "x" } }))
  end)
end)

describe("options that are no table", function()
  it("are refused", function()
    assert.equal('map: options must be a table, got "x" (a string)', complaint("map", "x"))
    assert.equal(
      "WorkerPool: options must be a table, got 4 (did you mean WorkerPool{ n_jobs = 4 }?)",
      complaint("constructor", 4))
  end)
end)

describe("check", function()
  local function pool_map(given) return (options.check("map", given, 2)) end

  it("raises at the line of the caller's caller for level 2", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local ok, message = pcall(function() pool_map { zzzzzz = 1 } end)
    assert.is_false(ok)
    assert.match("options_spec.lua:" .. line .. ": map: unknown option", message)
  end)

  it("raises at its own line by default", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local _, message = pcall(function() options.check("map", { zzzzzz = 1 }) end)
    assert.match("options_spec.lua:" .. line .. ":", message)
  end)

  it("calls the call as told", function()
    local _, message = pcall(options.check, "map", { zzzzzz = 1 }, 1, "imap")
    assert.match("imap: unknown", message)
  end)
end)

describe("a value", function()
  it("of the wrong type is shown with its type", function()
    assert.equal(
      "WorkerPool: option 'n_jobs': wanted an integer from 0 to 1024, got \"4\" (a string)",
      complaint("constructor", { n_jobs = "4" }))
    assert.match("got {} %(a table%)", complaint("constructor", { n_jobs = {} }))
    assert.match("got true$", complaint("constructor", { n_jobs = true }))
  end)

  it("out of range is shown", function()
    assert.match("wanted an integer from 0 to 1024, got %-1$",
      complaint("constructor", { n_jobs = -1 }))
  end)

  it("that is a whole float becomes an integer where one is wanted", function()
    assert.equal("integer", math.type(accepted("constructor", "n_jobs", 4.0)))
    assert.equal("integer", math.type(accepted("map", "retries", 2.0)))
  end)
end)

describe("the options of WorkerPool", function()
  it("are checked", function()
    assert.equal(0, accepted("constructor", "n_jobs", 0))
    assert.equal(1024, accepted("constructor", "n_jobs", 1024))
    refused("constructor", "n_jobs", 1025, 1.5, 0 / 0, math.huge, false)
    refused("constructor", "daemon", 1, "yes")
    refused("constructor", "start_method", "thread", 1)
    assert.equal("threading", accepted("constructor", "start_method", "threading"))
    assert.equal(-5, accepted("constructor", "seed", -5))
    refused("constructor", "seed", 1.5, "1")
    assert.equal(1 << 20, accepted("constructor", "memory_limit", 1 << 20))
    refused("constructor", "memory_limit", 1000, "1G")
    refused("constructor", "worker_max_memory", (1 << 20) - 1)
  end)

  it("take false as a shared object", function()
    assert.is_false(accepted("constructor", "shared_objects", false))
  end)
end)

describe("the options of the map family", function()
  it("are checked", function()
    assert.equal(2.5, accepted("map", "chunk_size", 2.5))
    refused("map", "chunk_size", 0.5, 0, math.huge, "4")
    refused("map", "n_splits", 0, 1.5)
    assert.equal(0, accepted("map", "iterable_len", 0))
    refused("map", "iterable_len", -1, 2.5, 0 / 0, math.huge)
    refused("map", "max_tasks_active", 0)
    refused("map", "worker_lifespan", 0)
    refused("map", "worker_init", "f", {})
    refused("map", "retries", -1, 0.5)
    refused("map", "restart_workers", 1)
    refused("map", "trace", "", true)
    refused("map", "on_message", 1)
  end)

  it("take a length that no integer can hold as the largest one", function()
    assert.equal(math.maxinteger, accepted("map", "iterable_len", 1e300))
  end)

  it("take timeouts above 0", function()
    for _, name in ipairs { "task_timeout", "worker_init_timeout", "worker_exit_timeout" } do
      assert.equal(0.05, accepted("map", name, 0.05))
      refused("map", name, 0, -1, math.huge, 0 / 0, "1", false)
    end
  end)

  it("take a number or a function as retry_delay", function()
    assert.equal(0.5, accepted("map", "retry_delay", 0.5))
    assert.equal(math.sqrt, accepted("map", "retry_delay", math.sqrt))
    refused("map", "retry_delay", -1, "1")
  end)

  it("take two words or a function as on_error", function()
    assert.equal("collect", accepted("map", "on_error", "collect"))
    assert.equal(print, accepted("map", "on_error", print))
    refused("map", "on_error", "skip", true)
  end)

  it("take a boolean, a function, or an object as progress_bar", function()
    local class = { update = print, close = print }
    class.__index = class
    local object = setmetatable({}, class)
    local callable = setmetatable({}, { __call = print })
    local hostile = setmetatable({}, { __index = error })
    for _, value in ipairs { true, print, object, callable } do
      assert.equal(value, accepted("map", "progress_bar", value))
    end
    refused("map", "progress_bar", 1, "yes", {}, { update = print }, hostile, io.stdout)
  end)

  it("want a table as progress_bar_options", function()
    refused("map", "progress_bar_options", 1, false)
  end)
end)

describe("the options of apply", function()
  it("are its own few", function()
    assert.equal(print, accepted("apply", "callback", print))
    refused("apply", "error_callback", 1)
    assert.match("did you mean 'retries'", complaint("apply", { retrys = 1 }))
    assert.match("unknown option 'chunk_size'", complaint("apply", { chunk_size = 1 }))
  end)
end)

describe("progress_bar_options", function()
  it("are checked", function()
    assert.equal(io.stdout, accepted("progress", "file", io.stdout))
    refused("progress", "file", "out.txt", {})
    assert.equal(" .oO", accepted("progress", "ascii", " .oO"))
    refused("progress", "ascii", 1)
    assert.equal("#00ff7F", accepted("progress", "colour", "#00ff7F"))
    assert.equal("Green", accepted("progress", "colour", "Green"))
    refused("progress", "colour", "greenish", "#12345", 1)
    assert.equal(0, accepted("progress", "mininterval", 0))
    refused("progress", "mininterval", -1)
    refused("progress", "ncols", -1, 1.5)
    refused("progress", "position", -1)
    refused("progress", "style", "notebook")
  end)
end)

describe("cpu_ids", function()
  local check = options.check_cpu_ids
  local four = { [0] = true, true, true, true }

  it("become one list for each worker, from all four forms", function()
    assert.same({ { 2 }, { 3 } }, check({ 2, 3 }, 2, four))
    assert.same({ { 0 }, { 0 }, { 0 } }, check({ 0 }, 3, four))
    assert.same({ { 0, 1 }, { 0, 1 } }, check({ { 0, 1 } }, 2, four))
    assert.same({ { 0, 1 }, { 2 } }, check({ { 0, 1 }, { 2.0 } }, 2, four))
  end)

  it("pin nothing when there are none", function()
    assert.is_nil(check(nil, 2, four))
    assert.is_nil(check({}, 2, four))
    assert.same({}, check({ 0, 1 }, 0, four))
  end)

  it("refuse a wrong count", function()
    assert.has_error(function() check({ 0, 1, 2 }, 2, four) end,
      "WorkerPool: option 'cpu_ids': wanted 1 or 2 elements, one for each worker, got 3")
  end)

  it("refuse a CPU that is not there, naming the element", function()
    assert.has_error(function() check({ 0, { 1, 9 } }, 2, four) end,
      "WorkerPool: option 'cpu_ids': element 2 names CPU 9, which this process may not use")
  end)

  it("refuse what is no CPU, naming the element", function()
    local function message(ids)
      return select(2, pcall(check, ids, 2, four))
    end
    assert.match("element 2: wanted a CPU number.* got %-1", message { 0, -1 })
    assert.match("element 1: wanted a CPU number.* got {} ", message { {}, 0 })
    assert.match("element 2: .* got \"1\"", message { 0, "1" })
    assert.match("wanted a list of CPU numbers.* got 3", message(3))
  end)

  it("are checked for their form by the constructor", function()
    assert.same({ 0, { 1, 2 } }, accepted("constructor", "cpu_ids", { 0, { 1, 2 } }))
    refused("constructor", "cpu_ids", 0, { -1 }, { "0" }, { { 0.5 } }, { {} }, { a = 1 })
  end)
end)

describe("$WORKERPOOL_JOBS", function()
  it("is a number of workers, or nothing", function()
    assert.equal(4, options.jobs_from_environment("4"))
    assert.equal(0, options.jobs_from_environment(" 0 "))
    assert.is_nil(options.jobs_from_environment(nil))
    assert.is_nil(options.jobs_from_environment(""))
  end)

  it("is refused with its name when it makes no sense", function()
    for _, text in ipairs { "x", "-1", "1025", "2.5", "0x4", ("9"):rep(40) } do
      local n, message = options.jobs_from_environment(text)
      assert.is_nil(n)
      assert.match("^%$WORKERPOOL_JOBS: wanted an integer from 0 to 1024, got", message)
    end
  end)
end)

describe("describe", function()
  it("lists every option once, with a sentence and the calls that take it", function()
    local seen = {}
    for _, option in ipairs(options.describe()) do
      assert.is_nil(seen[option.name])
      seen[option.name] = true
      assert.is_true(#option.text > 5)
      assert.is_true(#option.calls >= 1)
      assert.equal("string", type(option.type))
      assert.equal("string", type(option.default_text))
    end
    assert.is_true(seen.n_jobs and seen.retries and seen.callback and seen.desc)
  end)

  it("has defaults that its own checks accept", function()
    for _, option in ipairs(options.describe()) do
      if option.default ~= nil then
        accepted(option.calls[1], option.name, option.default)
      end
    end
  end)

  it("can be asked for one call", function()
    for _, option in ipairs(options.describe("apply")) do
      assert.is_truthy(table.concat(option.calls, " "):find("apply", 1, true))
    end
  end)
end)
