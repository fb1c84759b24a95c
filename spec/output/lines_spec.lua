-- output = "lines": the host passes on whole lines, each stream where it
-- belongs, with prefixes on wish.
-- timeout: 180

local helper = require "spec.support.helper"

local PREAMBLE = [[
  local workerpool = require "workerpool"
  local core = require "workerpool.core"
  local range, WorkerPool = workerpool.range, workerpool.WorkerPool
]]

local function run(source, options)
  local path = helper.write(helper.tmpdir() .. "/program.lua", PREAMBLE .. source)
  local done = helper.run({ helper.lua, path }, options)
  assert.are.equal(0, done.status, done.stderr)
  return done.stdout, done.stderr
end

local function sorted(text)
  local lines = {}
  for line in text:gmatch("[^\n]*\n") do lines[#lines + 1] = line end
  table.sort(lines)
  return table.concat(lines)
end

for _, method in ipairs { "fork", "forkserver", "spawn" } do
  describe("relayed output, " .. method, function()
    helper.guard()

    local function program(source, options)
      return run(("local METHOD = %q\n"):format(method) .. source, options)
    end

    it("keeps standard output and standard error apart", function()
      local out, err = program [[
        local pool <close> = WorkerPool { n_jobs = 2, output = "lines", start_method = METHOD }
        pool:map(function(x)
          io.write("out ", x) io.stderr:write("err ", x) io.write("\n") io.stderr:write("\n")
        end, range(3))]]
      assert.are.equal("out 1\nout 2\nout 3\n", sorted(out))
      assert.are.equal("err 1\nerr 2\nerr 3\n", sorted(err))
    end)

    it("ends the last line of a worker that ends, or is killed", function()
      local out, err = program [[
        local pool <close> = WorkerPool { n_jobs = 1, output = "lines", start_method = METHOD }
        pool:map(function(x)
          io.write("begun ", x) io.stdout:flush() io.stderr:write("error ", x)
          if x == 2 then os.execute("kill -9 $PPID") end
        end, range(2), { on_error = "collect", chunk_size = 1, worker_lifespan = 1 })]]
      assert.are.same({ "begun 1\nbegun 2\n", "error 1\nerror 2\n" }, { out, err })
    end)

    it("has the number of worker and task before each line on wish", function()
      local out, err = program [[
        local pool <close> = WorkerPool { n_jobs = 1, output_prefix = true, start_method = METHOD }
        pool:map(function(x)
          if x ~= 2 then print("a\nb", x) end
          if x == 3 then os.execute("echo child; echo child >&2") end
          io.write("rest")
        end, range(3), {
          chunk_size = 3,
          worker_init = function() print("init") end,
          worker_exit = function() print("exit") end,
        })]]
      assert.are.equal("[w0] init\n"
        .. "[w0 #1] a\n[w0 #1] b\t1\n[w0 #1] rest\n[w0 #2] rest\n"
        .. "[w0 #3] a\n[w0 #3] b\t3\n[w0 #3] child\n[w0 #3] rest\n"
        .. "[w0] exit\n", out)
      assert.are.equal("[w0 #3] child\n", err)
    end)
  end)
end

describe("relayed output", function()
  helper.guard()

  it("is attributed to the right task, in chunks of any size and retried ones", function()
    local out = run [[
      local pool <close> = WorkerPool { n_jobs = 3, output_prefix = "{task}|{worker}|" }
      pool:map(function(x)
        for k = 1, x % 4 do print(x, k) end
        if x % 50 == 0 then os.execute("kill -9 $PPID") core.sleep(10) end
      end, range(2000), { on_error = "collect", retries = 1 })]]
    local n = 0
    for task, worker, x in out:gmatch("(%d+)|(%d+)|(%d+)\t%d+\n") do
      n = n + 1
      assert.are.equal(x, task)
      assert.is_true(tonumber(worker) < 3)
    end
    -- 0 + 1 + 2 + 3 for each four; those that are killed print twice.
    assert.are.equal(3000 + 20 * 2, n)
    assert.are.equal(n, select(2, out:gsub("\n", "")))
  end)

  it("has the prefix that a function returns, line by line", function()
    local out = run [[
      local n = 0
      local pool <close> = WorkerPool { n_jobs = 1, output = "lines",
        output_prefix = function(worker_id, task_index)
          n = n + 1
          return ("%d:%d:%s "):format(n, worker_id, task_index)
        end }
      pool:map(function(x) print(x) print(x) end, { "a", "b" },
        { worker_init = function() print("i") end })]]
    assert.are.equal("1:0:nil i\n2:0:1 a\n3:0:1 a\n4:0:2 b\n5:0:2 b\n", out)
  end)

  it("a prefix that is none ends the call and says so", function()
    local out = run [[
      local n = 0
      local pool <close> = WorkerPool { n_jobs = 2,
        output_prefix = function() n = n + 1 return 5 end }
      print(select(2, pcall(pool.map, pool, function(x) print(x) core.sleep(0.1) end, range(20))))
      print(n)]]
    assert.matches("output_prefix returned 5; wanted a string\n1\n$", out)
  end)

  it("of a task comes before its result, its messages and what the host prints", function()
    local out = run [[
      local pool <close> = WorkerPool { n_jobs = 2, output = "lines" }
      for i in pool:imap_unordered(function(x)
        print("task " .. x)
        workerpool.emit(x)
        print("more " .. x)
      end, range(200), { chunk_size = 1,
        on_message = function(i) print("message " .. i) end }) do print("result " .. i) end
      for i = 201, 220 do
        pool:apply(print, { "task " .. i })
        print("result " .. i)
      end]]
    local at = {}
    local n = 0
    for line in out:gmatch("([^\n]*)\n") do
      n = n + 1
      at[line] = n
    end
    for i = 1, 200 do
      assert.is_true(at["task " .. i] < at["message " .. i])
      assert.is_true(at["message " .. i] < at["result " .. i])
      assert.is_true(at["more " .. i] < at["result " .. i])
    end
    for i = 201, 220 do assert.is_true(at["task " .. i] < at["result " .. i]) end
  end)

  it("of a worker is in its order", function()
    local out = run [[
      local pool <close> = WorkerPool { n_jobs = 3, output = "lines", pass_worker_id = true }
      pool:map(function(w, x) print(w, x) end, range(3000))]]
    local last, n = { -1, -1, -1 }, 0
    for w, x in out:gmatch("(%d)\t(%d+)\n") do
      w, x, n = w + 1, tonumber(x), n + 1
      assert.is_true(x > last[w])
      last[w] = x
    end
    assert.are.equal(3000, n)
  end)

  it("waits for a busy host, and nothing of it is lost", function()
    local out = run [[
      local pool <close> = WorkerPool { n_jobs = 2, output = "lines" }
      local results = {}
      for i = 1, 4 do
        results[i] = pool:apply_async(function()
          for _ = 1, 3000 do print(("x"):rep(999)) end
          return true
        end)
      end
      core.sleep(0.5)
      for i = 1, 4 do assert(results[i]:get()) end]]
    assert.are.equal(4 * 3000 * 1000, #out)
  end)

  it("without end does not hold up the results of others, nor their output", function()
    local out = run([[
      local pool <close> = WorkerPool { n_jobs = 2, output = "lines" }
      local endless = pool:apply_async(function() while true do print("endless") end end)
      for i = 1, 100 do
        assert(pool:apply(function(x) print("other " .. x) return x end, { i }) == i)
      end
      endless:cancel()]], { timeout = 60 })
    for i = 1, 100 do assert.is_truthy(out:find("other " .. i .. "\n", 1, true)) end
  end)

  it("of a process that outlives its worker does not hold up the worker's end", function()
    local out = run([[
      local pool <close> = WorkerPool { n_jobs = 1, output = "lines" }
      print(pool:map(function()
        local pipe = io.popen("yes 2>/dev/null & echo $!", "r")
        os.execute("yes 2>/dev/null & echo")
        return true
      end, { 1 })[1])]], { timeout = 30 })
    assert.is_truthy(out:find("true\n", 1, true))
  end)

  it("of bytes that are no text arrives as it is", function()
    local out = run [[
      local pool <close> = WorkerPool { n_jobs = 1, output_prefix = "" }
      pool:map(function(x) io.write(("\0\255\r\xff"):rep(x)) io.write("\xff") end, { 1, 30000, 3 },
        { chunk_size = 3 })]]
    assert.are.equal(("\0\255\r\xff"):rep(1) .. "\xff\n" .. ("\0\255\r\xff"):rep(30000) .. "\xff\n"
      .. ("\0\255\r\xff"):rep(3) .. "\xff\n", out)
  end)

  it("in lines without end is passed on in pieces, all of it", function()
    local out = run [[
      local pool <close> = WorkerPool { n_jobs = 1, output = "lines" }
      local text = ""
      for i = 1, 10000 do text = text .. i .. " " end
      pool:map(function() for _ = 1, 70 do io.write(text) end end, { 1 })]]
    local text = {}
    for i = 1, 10000 do text[i] = i .. " " end
    local whole = table.concat(text):rep(70)
    assert.are.equal(whole, (out:gsub("\n", "")))
    assert.are.equal(#whole // 2 ^ 20, select(2, out:gsub("\n", "")) - 1)
    assert.matches("^[^\n]+\n", out)
    assert.is_true(#out:match("^[^\n]*") > 2 ^ 20)
  end)

  it("is whole beside what the workers of another pool print straight out", function()
    local path = helper.write(helper.tmpdir() .. "/program.lua", PREAMBLE .. [[
      local a <close> = WorkerPool { n_jobs = 2, output = "lines" }
      local b <close> = WorkerPool { n_jobs = 2 }
      local results = {}
      for i = 1, 40 do
        results[2 * i] = a:apply_async(function() print(("a"):rep(70001)) end)
        results[2 * i - 1] = b:apply_async(function() print(("b"):rep(70001)) end)
      end
      for _, result in ipairs(results) do result:get() end]])
    local done = helper.run(("%s %s | cat"):format(helper.lua, path))
    local n = 0
    for line in done.stdout:gmatch("([^\n]*)\n") do
      n = n + 1
      assert.is_true(#line == 70001 and line == line:sub(1, 1):rep(70001))
    end
    assert.are.equal(80, n)
  end)

  it("goes straight out with n_jobs = 0", function()
    local out = run [[
      local pool <close> = WorkerPool { n_jobs = 0, output_prefix = true }
      pool:map(print, { "a" })]]
    assert.are.equal("a\n", out)
  end)

  it("of nested pools passes through all hosts", function()
    local out = run [[
      local outer <close> = WorkerPool { n_jobs = 2, daemon = false, output_prefix = true }
      outer:map(function(x)
        local inner <close> = WorkerPool { n_jobs = 2, output_prefix = "{worker}: " }
        inner:map(print, { x })
      end, { "a", "b" }, { chunk_size = 1 })]]
    assert.are.equal("[w #1] 0: a\n[w #2] 0: b\n", sorted((out:gsub("w%d", "w"))))
  end)
end)
