-- Lines that workers print are whole, whoever else prints, wherever they go and
-- however long they are; and those printed before a SIGKILL are there.
-- timeout: 300

local helper = require "spec.support.helper"

local PREAMBLE = [[
  local workerpool = require "workerpool"
  local range = workerpool.range
]]

local pty = helper.compile("spec/support/fixtures/pty.c")

-- Runs a program whose two streams go to the same place, a file, a pipe or a
-- terminal; returns what was printed.
local function output_of(source, place)
  local path = helper.write(helper.tmpdir() .. "/program.lua", PREAMBLE .. source)
  local line = helper.lua .. " " .. helper.quote(path) .. " 2>&1"
  if place == "pipe" then line = line .. " | cat" end
  if place == "terminal" then
    line = pty .. " sh -c " .. helper.quote(line)
  end
  local done = helper.run(line, { timeout = 120 })
  assert.are.equal(0, done.status)
  return done.stdout
end

-- Each worker prints lines of a letter of its own.
local PROGRAM = [[
  local pool <close> = workerpool.WorkerPool { n_jobs = 4, pass_worker_id = true, %s }
  pool:map(function(w)
    local text = ("abcd"):sub(w + 1, w + 1):rep(%d)
    local half = text:sub(1, %d)
    %s
  end, range(%d), { chunk_size = 1 })]]

local WAYS = {
  print = "print(text)",
  ["io.write in several calls"] = "io.write(half, text:sub(#half + 1)) io.write('\\n')",
  ["io.stderr"] = "io.stderr:write(half, text:sub(#half + 1), '\\n')",
}

local function torn_lines(text, size)
  local torn, n = 0, 0
  for line in text:gmatch("([^\n]*)\n") do
    n = n + 1
    if #line ~= size or line ~= line:sub(1, 1):rep(size) then torn = torn + 1 end
  end
  return torn, n
end

for _, place in ipairs { "file", "pipe", "terminal" } do
  describe("lines into a " .. place, function()
    helper.guard()
    for way, statement in pairs(WAYS) do
      for _, size in ipairs { 3000, 100000 } do
        local count = size == 3000 and 400 or 80
        for _, output in ipairs(size == 3000 and { "inherit" } or { "inherit", "lines" }) do
          it(("are whole: %s, %d bytes, output = %q"):format(way, size, output), function()
            local text = output_of(PROGRAM:format(("output = %q"):format(output), size, size // 3,
              statement, count), place)
            assert.are.same({ 0, count }, { torn_lines(text, size) })
          end)
        end
      end
    end
  end)
end

describe("lines of workers", function()
  helper.guard()

  for _, method in ipairs { "forkserver", "spawn" } do
    it("are whole with start_method '" .. method .. "'", function()
      local text = output_of(PROGRAM:format(("start_method = %q"):format(method), 50000, 20000,
        "print(text)", 120), "pipe")
      assert.are.same({ 0, 120 }, { torn_lines(text, 50000) })
    end)
  end

  -- The thread sanitizer has a thread of its own in workers, of which a pool warns.
  local has_thread = helper.sanitized == "thread"
  if not has_thread then it("are whole beside those of another pool, and of nested ones", function()
    local text = output_of([[
      local letters = "abcdefgh"
      local outer <close> = workerpool.WorkerPool { n_jobs = 2, daemon = false }
      outer:map(function(k)
        local inner <close> = workerpool.WorkerPool { n_jobs = 2, pass_worker_id = true }
        inner:map(function(w)
          print(letters:sub(2 * k + w - 1, 2 * k + w - 1):rep(50000))
        end, range(40))
      end, { 1, 2 }, { chunk_size = 1 })]], "pipe")
    assert.are.same({ 0, 80 }, { torn_lines(text, 50000) })
  end) end

  it("are whole in a pipe that the host has made non-blocking", function()
    -- The shell's writer shares its end with us; python sets the flag on it.
    local path = helper.write(helper.tmpdir() .. "/program.lua",
      PREAMBLE .. PROGRAM:format("", 100000, 1, "print(text)", 60))
    local done = helper.run(("{ python3 -c 'import os; os.set_blocking(1, False)'; %s %s; } "
      .. "| { sleep 0.3; cat; }"):format(helper.lua, helper.quote(path)), { timeout = 60 })
    assert.are.same({ 0, 60 }, { torn_lines(done.stdout, 100000) })
  end)

  it("are in the order in which a worker printed them", function()
    local text = output_of([[
      local pool <close> = workerpool.WorkerPool { n_jobs = 3, pass_worker_id = true }
      pool:map(function(w, x) print(w, x) end, range(3000))]], "pipe")
    local last = { -1, -1, -1 }
    for w, x in text:gmatch("(%d)\t(%d+)\n") do
      w, x = w + 1, tonumber(x)
      assert.is_true(x > last[w])
      last[w] = x
    end
  end)

  it("come from streams that are what they were", function()
    local program = [[
      local is_tty = require("workerpool.core").is_tty
      local out = io.stdout
      local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
      pool:apply(function()
        assert(out:setvbuf("no") and out:flush() and io.output() == out)
        assert(out:write("a", 1, "\n") == out)
        print(is_tty(out), out)
      end)]]
    assert.matches("^a1\nfalse\tfile %(0x", output_of(program, "pipe"))
    assert.matches("^a1\nfalse\tfile %(0x", output_of(program, "file"))
    assert.matches("^a1\ntrue\tfile %(0x", output_of(program, "terminal"))
  end)
end)

describe("lines printed before a SIGKILL", function()
  helper.guard()

  local KILLED = [[
    local core = require "workerpool.core"
    local pool <close> = workerpool.WorkerPool { n_jobs = 3, output = %q, start_method = %q }
    local list = pool:map(function(x)
      local core = require "workerpool.core"
      for k = 1, 30 do print("out", x, k) end
      io.stderr:write("err\t", x, "\n")
      os.execute("kill -9 " .. core.getpid())
      core.sleep(10)
    end, range(12), { on_error = "collect" })
    for i = 1, 12 do assert(list[i].signal == "SIGKILL") end]]

  for _, output in ipairs { "inherit", "lines" } do
    for _, method in ipairs { "fork", "forkserver", "spawn" } do
      for _, place in ipairs { "file", "pipe" } do
        it(("are all there: output = %q, %s, %s"):format(output, method, place), function()
          local text = output_of(KILLED:format(output, method), place)
          for x = 1, 12 do
            for k = 1, 30 do
              assert.is_truthy(text:find(("out\t%d\t%d\n"):format(x, k), 1, true))
            end
            assert.is_truthy(text:find(("err\t%d\n"):format(x), 1, true))
          end
        end)
      end
    end
  end
end)

describe("print into a pipe that nobody reads", function()
  helper.guard()

  for _, output in ipairs { "inherit", "lines" } do
    it(("ends the program quietly: output = %q"):format(output), function()
      local path = helper.write(helper.tmpdir() .. "/program.lua", PREAMBLE .. ([[
        local pool <close> = workerpool.WorkerPool { n_jobs = 2, output = %q }
        pool:map(function(x) print(x) end, range(1000000))]]):format(output))
      local programs = { helper.host .. " run" }
      if output == "lines" then programs[2] = helper.lua end -- as a program without workers
      for _, program in ipairs(programs) do
        local done = helper.run { "bash", "-c",
          ("%s %s | head -n 1; echo ${PIPESTATUS[0]}"):format(program, helper.quote(path)) }
        assert.are.equal("", done.stderr)
        assert.matches("^%d+\n141\n$", done.stdout)
      end
    end)
  end

  it("is no matter for a host that ignores SIGPIPE", function()
    local path = helper.write(helper.tmpdir() .. "/program.lua", PREAMBLE .. [[
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      local list = pool:map(function(x) print(x) return x end, range(1000))
      io.stderr:write(list.n, "\n")]])
    local done = helper.run { "bash", "-c",
      ("trap '' PIPE; %s %s | true"):format(helper.lua, helper.quote(path)) }
    assert.are.equal("1000\n", done.stderr)
  end)

  it("a task's own broken pipe is that task's affair", function()
    local text = output_of([[
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      local ok, err = pcall(pool.map, pool, function()
        local pipe = io.popen("true", "w")
        for _ = 1, 1e6 do pipe:write(("x"):rep(1000)) end
      end, { 1 })
      print(err.signal)]], "pipe")
    assert.are.equal("SIGPIPE\n", text)
  end)
end)
