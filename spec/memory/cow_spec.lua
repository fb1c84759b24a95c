-- timeout: 180
-- What workers share with their host stays shared while they work, and what
-- a program sees of the collector is Lua's.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local workerpool = require "workerpool"
local WorkerPool, range = workerpool.WorkerPool, workerpool.range

-- Each sample is a program of its own, with a heap of its own.
local function run(source, options)
  local path = helper.write(helper.tmpdir() .. "/program.lua", source)
  local done = helper.run({ helper.lua, path }, options or { timeout = 120 })
  assert.are.equal("", done.stderr)
  assert.are.equal(0, done.status)
  return done.stdout
end

local RECORDS = [[
  local workerpool = require "workerpool"
  local core = require "workerpool.core"
  local records = {}
  for i = 1, 300000 do records[i] = { id = i, name = "record " .. i } end
  collectgarbage()
  local function private_mb()
    for line in io.lines("/proc/self/smaps_rollup") do
      local n = line:match("^Private_Dirty:%s+(%d+)")
      if n then return tonumber(n) / 1024 end
    end
  end
]]

describe("A large heap", function()
  -- The shadow memory of a sanitizer is private, too.
  for _, method in ipairs(helper.sanitized and {} or { "fork", "forkserver" }) do
    it("stays shared with workers that make many small things: " .. method, function()
      local text = run(RECORDS .. ([[
        local figure = workerpool.Value("d")
        local pool = workerpool.WorkerPool { n_jobs = 2, shared_objects = records,
          start_method = %q, pass_worker_id = true }
        local sum = pool:map(function(_, shared, i)
          local r = shared[i %% #shared + 1]
          local parts = { r.id, r.name, { r } }
          return #parts[2] > 0 and parts[3][1].id
        end, workerpool.range(300000), { worker_exit = function() figure:max(private_mb()) end })
        print(#sum, collectgarbage("count") / 1024, figure.value)
      ]]):format(method))
      local count, heap, private = text:match("(%S+)\t(%S+)\t(%S+)")
      assert.are.equal(300000, tonumber(count))
      assert.is_true(tonumber(heap) > 50)
      assert.is_true(tonumber(private) < 30, private .. " MB became private")
    end)
  end

  it("gives the caller's mode of the collector back", function()
    local text = run(RECORDS .. [[
      for _, mode in ipairs { "incremental", "generational" } do
        collectgarbage(mode)
        workerpool.with({ n_jobs = 2, shared_objects = records }, function(pool)
          assert(pool:map(function(s, i) return s[i].id end, { 7 })[1] == 7)
        end)
        local pool = workerpool.WorkerPool { n_jobs = 1, shared_objects = records }
        pool:map(function(s, i) return s[i].id end, { 7 })
        print(collectgarbage(mode), core.heap().freezes)
      end
      collectgarbage("stop")
      workerpool.with({ n_jobs = 1, shared_objects = records }, function(pool)
        print(pool:apply(function() return collectgarbage("isrunning") end))
      end)
      print(collectgarbage("isrunning"))
    ]])
    assert.are.equal("incremental\t0\ngenerational\t0\nfalse\nfalse\n", text)
  end)

  it("does not run the finalizers of the host in workers", function()
    local text = run(RECORDS .. [[
      local host = core.getpid()
      local ran = workerpool.Value("i")
      local kept = {}
      for i = 1, 2000 do
        local object = setmetatable({}, { __gc = function()
          if core.getpid() ~= host then ran:add(1) end
        end })
        if i % 2 == 0 then kept[#kept + 1] = object end
      end
      local pool = workerpool.WorkerPool { n_jobs = 2, shared_objects = { records, kept } }
      pool:map(function(s)
        s[2] = nil
        kept = nil
        for _ = 1, 200000 do local _ = { {} } end
      end, workerpool.range(4), { chunk_size = 1 })
      print(ran.value)
    ]])
    assert.are.equal("0\n", text)
  end)

  it("nor do those of a small heap, for what is rubbish already", function()
    local text = run([[
      local workerpool = require "workerpool"
      local core = require "workerpool.core"
      local host, ran = core.getpid(), workerpool.Array("i", 2)
      for _ = 1, 100 do
        setmetatable({}, { __gc = function() ran:add(core.getpid() == host and 1 or 2, 1) end })
      end
      local pool = workerpool.WorkerPool { n_jobs = 2 }
      pool:map(function() collectgarbage() collectgarbage() end, { 1, 2, 3 })
      print(ran[1], ran[2])
    ]])
    assert.are.equal("100\t0\n", text)
  end)

  it("runs the finalizers of what a worker has made", function()
    local text = run(RECORDS .. [[
      local ran = workerpool.Value("i")
      local pool = workerpool.WorkerPool { n_jobs = 1, shared_objects = records }
      pool:map(function()
        for _ = 1, 100 do setmetatable({}, { __gc = function() ran:add(1) end }) end
        for _ = 1, 600000 do local _ = { {} } end
      end, workerpool.range(1))
      print(ran.value > 50)
    ]])
    assert.are.equal("true\n", text)
  end)

  it("has weak tables that work in workers", function()
    local text = run(RECORDS .. [[
      local pool = workerpool.WorkerPool { n_jobs = 1, shared_objects = records }
      print(pool:apply(function(s)
        local weak = setmetatable({}, { __mode = "v" })
        weak[1], weak[2] = {}, s[1]
        for _ = 1, 600000 do local _ = { {} } end
        return weak[1] == nil, weak[2] == s[1]
      end))
    ]])
    assert.are.equal("true\ttrue\n", text)
  end)

  it("is forked anew when a worker has grown", function()
    local text = run(RECORDS .. [[
      local births = workerpool.Dict()
      local pool = workerpool.WorkerPool { n_jobs = 1, shared_objects = records }
      local results = pool:map(function(_, x)
        births:incr(tostring(core.getpid()))
        hoard = hoard or {} -- luacheck: ignore
        for _ = 1, 100000 do hoard[#hoard + 1] = { x } end
        return x
      end, workerpool.range(40), { chunk_size = 1 })
      local sum = 0
      for i = 1, 40 do sum = sum + results[i] end
      print(sum, #births > 1)
    ]])
    assert.are.equal("820\ttrue\n", text)
  end)

  it("is not forked anew when the worker keeps state", function()
    local text = run(RECORDS .. [[
      local births = workerpool.Dict()
      local pool = workerpool.WorkerPool { n_jobs = 1, shared_objects = records,
        use_worker_state = true }
      pool:map(function(_, state)
        births:incr(tostring(core.getpid()))
        for _ = 1, 100000 do state[#state + 1] = { 1 } end
      end, workerpool.range(20), { chunk_size = 1 })
      print(#births)
    ]])
    assert.are.equal("1\n", text)
  end)

  -- The thread sanitizer has a thread of its own in workers, of which a pool warns.
  local has_thread = helper.sanitized == "thread"
  if not has_thread then it("is used by pools in workers", function()
    local text = run(RECORDS .. [[
      local pool = workerpool.WorkerPool { n_jobs = 2, shared_objects = records, daemon = false }
      local sums = pool:map(function(s, x)
        local inner <close> = workerpool.WorkerPool { n_jobs = 2, shared_objects = s }
        local results, sum = inner:map(function(t, y) return t[y].id end, { x, 2 * x }), 0
        for i = 1, 2 do sum = sum + results[i] end
        return sum
      end, { 1, 10, 100 })
      print(sums[1], sums[2], sums[3])
    ]])
    assert.are.equal("3\t30\t300\n", text)
  end) end
end)

describe("The allocator", function()
  helper.guard()

  it("is there under plain lua5.4 and in the host", function()
    local line = 'require "workerpool" print(require("workerpool.core").heap().reserved > 0)'
    assert.are.equal("true\n", run(line))
    local path = helper.write(helper.tmpdir() .. "/p.lua", line)
    assert.are.equal("true\n", helper.run({ helper.host, "run", path }).stdout)
  end)

  it("leaves a heap that is small as it is", function()
    local before = core.heap().freezes
    local pool <close> = WorkerPool { n_jobs = 2 }
    pool:map(function(x) return x end, range(10))
    assert.are.equal(before, core.heap().freezes)
  end)

  it("can be turned off", function()
    local text = run('require "workerpool" print(require("workerpool.core").heap().reserved)',
      { env = { WORKERPOOL_HEAP = "stock" } })
    assert.are.equal("0\n", text)
  end)

  -- A sanitizer needs a lot.
  if not helper.sanitized then it("works with little address space", function()
    local program = helper.write(helper.tmpdir() .. "/p.lua", [[
      local workerpool = require "workerpool"
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      print(pool:map(function(x) return #("x"):rep(x) end, { 1000000 })[1])
    ]])
    local done = helper.run(("ulimit -v 400000; exec %s %s"):format(helper.lua, program))
    assert.are.equal("1000000\n", done.stdout, done.stderr)
  end) end

  it("makes no string, table or buffer differ", function()
    local text = run(("assert(loadfile(%q))('3', '40000')"):format(
      helper.root .. "/spec/soak/heap.lua"))
    assert.matches("ok\n$", text)
  end)
end)
