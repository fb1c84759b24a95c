-- The samples of MPIRE's first manual, section by section, as they read in
-- Lua: "Progress bar" and "Multiple progress bars with nested WorkerPools".
-- What a terminal shows is tested in spec/progress.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local function square(x) return x * x end

local function each_in_a_list(n)
  local x = 0
  return function()
    x = x + 1
    if x <= n then return { x } end
  end
end

-- A file that keeps what is written to it.
local function paper()
  local sheet = { text = "" }
  function sheet:write(...)
    for _, word in ipairs { ... } do self.text = self.text .. tostring(word) end
    return self
  end
  function sheet:flush() return self end
  return sheet
end

describe("Progress bar,", function()
  helper.guard()

  it("sample 1: true shows a bar, up to the last task", function()
    local file = paper()
    local pool <close> = WorkerPool { n_jobs = 4 }
    local list = pool:map(square, each_in_a_list(100), {
      iterable_len = 100, progress_bar = true, progress_bar_options = { file = file },
    })
    assert.are.equal(10000, list[100])
    assert.matches("100/100", file.text)
    assert.matches("100%%", file.text)
    assert.matches("task/s", file.text)
  end)

  it("sample 1: true is silent where no terminal listens", function()
    local result = helper.run { helper.lua, "-e", [[
      local workerpool = require "workerpool"
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      pool:map(function(x) return x end, workerpool.range(100), { progress_bar = true })]] }
    assert.are.equal(0, result.status)
    assert.are.equal("", result.stdout .. result.stderr)
  end)

  it("sample 2: a bar of another look, which needs no total", function()
    local file = paper()
    local pool <close> = WorkerPool { n_jobs = 4 }
    pool:map(square, each_in_a_list(100), {
      iterable_len = 100, progress_bar = true,
      progress_bar_options = { file = file, ascii = true, desc = "squares" },
    })
    assert.matches("squares", file.text)
    assert.matches("100/100", file.text)
    assert.is_nil(file.text:find("[\128-\255]"))
  end)

  it("sample 3: a bar of one's own, for whatever shows it", function()
    local seen = {}
    local bar = {
      update = function(_, p) seen[#seen + 1] = p.done .. "/" .. tostring(p.total) end,
      close = function() seen.closed = (seen.closed or 0) + 1 end,
    }
    local pool <close> = WorkerPool { n_jobs = 4 }
    pool:map(square, each_in_a_list(100), { iterable_len = 100, progress_bar = bar })
    assert.are.equal("100/100", seen[#seen])
    assert.are.equal(1, seen.closed)
  end)

  it("sample 3: a function will do, too", function()
    local last
    local pool <close> = WorkerPool { n_jobs = 4 }
    pool:map(square, each_in_a_list(100), {
      iterable_len = 100, progress_bar = function(p) last = p end,
    })
    assert.are.same({ 100, 100, 0 }, { last.done, last.total, last.failed })
    assert.is_true(last.elapsed >= 0)
  end)
end)

describe("Multiple progress bars with nested WorkerPools,", function()
  helper.guard()

  it("sample 1: each worker has a bar below that of the main pool", function()
    local dir = helper.tmpdir()
    -- In a worker a file is opened by name; the pool's own bar has position 0.
    local function dispatcher(worker_id, xs)
      local file <close> = assert(io.open(dir .. "/" .. worker_id, "a"))
      local nested_pool <close> = WorkerPool { n_jobs = 2 }
      return nested_pool:map(square, xs, {
        iterable_len = #xs, progress_bar = true,
        progress_bar_options = { position = worker_id + 1, file = file },
      })
    end
    local tasks = {}
    for i = 1, 6 do
      local xs = {}
      for k = 1, 20 do xs[k] = i + k end
      tasks[i] = { xs }
    end
    local main = paper()
    local pool <close> = WorkerPool { n_jobs = 2, daemon = false, order_tasks = true }
    pool:pass_on_worker_id()
    local lists = pool:map(dispatcher, tasks, {
      iterable_len = 6, chunk_size = 1,
      progress_bar = true, progress_bar_options = { file = main },
    })
    for i = 1, 6 do
      assert.are.equal(20, lists[i].n)
      assert.are.equal((i + 20) ^ 2, lists[i][20])
    end
    assert.matches("6/6", main.text)
    for id = 0, 1 do
      local _, n = helper.read(dir .. "/" .. id):gsub("20/20", "")
      assert.is_true(n >= 3, "worker " .. id .. " showed the end of " .. n .. " bars")
    end
  end)
end)
