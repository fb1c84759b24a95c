-- Traps that other pools of processes have fallen into, as their issue lists
-- tell: workers that are stopped, and workers that die at a bad moment.
-- timeout: 180

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local deeds = require "spec.support.deeds"
local misdeeds = helper.c_module "misdeeds"
local WorkerPool = workerpool.WorkerPool
local range = workerpool.range

local same, works, signal_self = deeds.same, deeds.works, deeds.signal_self

describe("a worker that has been stopped", function()
  helper.guard()

  it("and is killed then, costs its task", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x)
      if x == 2 then
        os.execute("(sleep 0.2; kill -KILL " .. core.getpid() .. ") >/dev/null 2>&1 &")
        signal_self("STOP")
      end
      return x
    end, range(6), { on_error = "collect", chunk_size = 1 })
    for i = 1, 6 do
      if i == 2 then assert.are.equal("SIGKILL", list[i].signal) else assert.are.equal(i, list[i]) end
    end
  end)

  it("and goes on then, has lost nothing", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x)
      if x == 2 then
        os.execute("(sleep 0.2; kill -CONT " .. core.getpid() .. ") >/dev/null 2>&1 &")
        os.execute("kill -STOP " .. core.getpid())
      end
      return x
    end, range(6))
    assert.are.same({ 1, 2, 3, 4, 5, 6, n = 6 }, list)
  end)

  it("does not withstand terminate", function()
    local pool = WorkerPool { n_jobs = 2 }
    local result = pool:apply_async(signal_self, { "STOP" })
    assert.is_false(result:wait(0.3))
    pool:terminate()
    assert.are.same({}, helper.children())
  end)
end)

describe("death at a bad moment:", function()
  helper.guard()

  local Bomb = {}
  Bomb.__index = Bomb
  workerpool.register_class("spec.regress.Bomb", Bomb)

  local ways = {
    error = function() error("bang", 0) end,
    exit = function() os.exit(7) end,
    quick_exit = function() misdeeds.leave(8) end,
    kill = function() signal_self("KILL") end,
    segv = function() signal_self("SEGV") end,
  }

  local function bomb(where, how) return setmetatable({ where = where, how = how }, Bomb) end
  local function goes_off(b, where)
    if b.where == where and b.armed ~= core.getpid() then ways[b.how]() end
  end

  -- Packed as a plain copy; goes off where it is told to, but never in the
  -- process that made it.
  function Bomb.__workerpool_pack(b)
    if b.where == "pack" and workerpool.is_worker() then ways[b.how]() end
    return b.where, b.how
  end
  function Bomb.__workerpool_unpack(where, how)
    local b = bomb(where, how)
    if workerpool.is_worker() then goes_off(b, "unpack") end
    return b
  end

  local function assert_third_failed(list)
    for i = 1, 5 do
      if i == 3 then assert.is_true(workerpool.is_error(list[i])) else assert.are.equal("fine", list[i]) end
    end
    assert.are.equal(3, list[3].task_index)
  end

  for how in pairs(ways) do
    it("while an argument is decoded, by " .. how, function()
      local pool <close> = WorkerPool { n_jobs = 2 }
      local list = pool:map(function() return "fine" end,
        { 1, 2, { bomb("unpack", how) }, 4, 5 }, { on_error = "collect" })
      assert_third_failed(list)
      assert.is_true(works(pool))
    end)

    it("while a result is encoded, by " .. how, function()
      local pool <close> = WorkerPool { n_jobs = 2 }
      local list = pool:map(function(x)
        if x == 3 then return bomb("pack", how) end
        return "fine"
      end, range(5), { on_error = "collect" })
      assert_third_failed(list)
      assert.is_true(works(pool))
    end)

    it("while rubbish is collected, by " .. how, function()
      local pool <close> = WorkerPool { n_jobs = 2 }
      local list = pool:map(function(x)
        if x == 3 then
          setmetatable({}, { __gc = ways[how] })
          collectgarbage()
        end
        return "fine"
      end, range(5), { on_error = "collect" })
      for i = 1, 5 do
        if i ~= 3 then assert.are.equal("fine", list[i]) end
      end
      -- Lua turns an error in a finalizer into a warning.
      if how == "error" then assert.are.equal("fine", list[3])
      else assert.are.equal("crash", list[3].kind) end
      assert.is_true(works(pool))
    end)

    it("while the text of an error is made, by " .. how, function()
      local pool <close> = WorkerPool { n_jobs = 2 }
      local list = pool:map(function(x)
        if x == 3 then error(setmetatable({}, { __tostring = ways[how] })) end
        return "fine"
      end, range(5), { on_error = "collect" })
      assert_third_failed(list)
      assert.is_true(works(pool))
    end)
  end

  it("while an argument is encoded in the host: an error of that task", function()
    local Refuser = { __workerpool_pack = function() error("will not", 0) end,
      __workerpool_unpack = function() end }
    workerpool.register_class("spec.regress.Refuser", Refuser)
    local pool <close> = WorkerPool { n_jobs = 2 }
    local list = pool:map(function() return "fine" end,
      { 1, { setmetatable({}, Refuser) }, 3 }, { on_error = "collect" })
    assert.are.same({ "fine", "fine" }, { list[1], list[3] })
    assert.is_true(workerpool.is_error(list[2]))
    assert.matches("will not", list[2].message)
  end)

  it("while a result is decoded in the host: an error, and the pool goes on", function()
    local Refuser = { __workerpool_pack = function() return 1 end,
      __workerpool_unpack = function()
        if not workerpool.is_worker() then error("will not", 0) end
      end }
    workerpool.register_class("spec.regress.LateRefuser", Refuser)
    local pool <close> = WorkerPool { n_jobs = 2 }
    local ok, err = pcall(pool.map, pool, function(x)
      return x == 3 and setmetatable({}, Refuser) or x
    end, range(6))
    assert.is_false(ok)
    assert.matches("will not", tostring(err))
    assert.is_true(works(pool))
  end)

  it("while the result of a single task is decoded in the host: an error of that task", function()
    local Refuser = { __workerpool_pack = function() return 1 end,
      __workerpool_unpack = function()
        if not workerpool.is_worker() then error("will not", 0) end
      end }
    workerpool.register_class("spec.regress.LastRefuser", Refuser)
    local pool <close> = WorkerPool { n_jobs = 1 }
    local result = pool:apply_async(function()
      core.sleep(0.05)
      return setmetatable({}, Refuser)
    end)
    assert.is_true(result:wait(10))
    assert.is_false(result:successful())
    for _ = 1, 2 do
      local ok, err = pcall(result.get, result, 10)
      assert.is_false(ok)
      assert.matches("will not", tostring(err))
    end
    assert.are.equal(1, pool:apply(same, { 1 }))
  end)
end)
