-- A progress bar and what workers print do not overwrite each other.
-- timeout: 120

local helper = require "spec.support.helper"
local pty = helper.compile("spec/support/fixtures/pty.c")

local PREAMBLE = [[
  local workerpool = require "workerpool"
  local core = require "workerpool.core"
  local range, WorkerPool = workerpool.range, workerpool.WorkerPool
  local function work(x)
    core.sleep(0.01)
    io.write("out ", x) io.write("\n")
    io.stderr:write("err ", x, "\n")
  end
]]

-- Runs on a terminal; what appears there, and what a file at OUT gets.
local function on_terminal(source, redirection)
  local dir = helper.tmpdir()
  helper.write(dir .. "/program.lua", PREAMBLE .. source)
  local line = ("%s %s/program.lua %s"):format(helper.lua, dir,
    (redirection or ""):gsub("OUT", dir .. "/out"))
  local done = helper.run(pty .. " sh -c " .. helper.quote(line), { timeout = 60 })
  assert.are.equal(0, done.status, done.stdout)
  return done.stdout, helper.read(dir .. "/out")
end

-- Nothing but erased lines and bars may share a line with what was printed.
local function assert_apart(shown, words, n)
  for i = 1, n do
    for _, word in ipairs(words) do
      local line = word .. " " .. i .. "\n"
      local from = shown:find(line, 1, true)
      assert.is_truthy(from, line)
      local before = shown:sub(1, from - 1)
      assert.is_truthy(before:find("\n$") or before:find("\r\27%[K$") or before == "",
        "overwritten: " .. line)
    end
  end
end

describe("a bar on the terminal", function()
  helper.guard()

  for _, options in ipairs { 'output = "inherit"', 'output = "lines"', 'output_prefix = ""',
    'output = "inherit", start_method = "spawn"' } do
    it("stays apart from lines of both streams: " .. options, function()
      local shown = on_terminal(([[
        local pool <close> = WorkerPool { n_jobs = 2, %s }
        pool:map(work, range(30), { progress_bar = true, chunk_size = 1 })]]):format(options))
      assert_apart(shown, { "out", "err" }, 30)
      assert.is_truthy(shown:find("30/30", 1, true))
    end)

    it("leaves standard output to a file that it goes to: " .. options, function()
      local shown, out = on_terminal(([[
        local pool <close> = WorkerPool { n_jobs = 2, %s }
        pool:map(work, range(30), { progress_bar = true, chunk_size = 1 })]]):format(options), ">OUT")
      assert_apart(shown, { "err" }, 30)
      assert.is_nil(shown:find("out", 1, true))
      assert_apart(out, { "out" }, 30)
      assert.is_nil(out:find("[\r\27]"))
    end)
  end

  it("stays alone with output = 'capture'", function()
    local shown = on_terminal [[
      local pool <close> = WorkerPool { n_jobs = 2, output = "capture" }
      pool:map(work, range(20), { progress_bar = true })]]
    assert.is_truthy(shown:find("20/20", 1, true))
    assert.is_nil(shown:find("out 1", 1, true) or shown:find("err 1", 1, true))
  end)

  it("stays apart from workers that were kept from a call without one", function()
    local shown = on_terminal [[
      local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
      pool:map(work, range(5), { chunk_size = 1 })
      print("between")
      pool:map(function(x) work(x + 5) end, range(20), { progress_bar = true, chunk_size = 1 })
      pool:map(function(x) work(x + 25) end, range(5), { chunk_size = 1 })]]
    assert_apart(shown, { "out", "err" }, 30)
    assert.is_true(shown:find("out 5\n", 1, true) < shown:find("between", 1, true))
  end)
end)
