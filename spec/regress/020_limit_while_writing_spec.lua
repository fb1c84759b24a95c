-- task_timeout did not hold while a task's result was written, nor while the
-- function of a call was read: values run code of the user's then, too.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local Endless = {}
Endless.__workerpool_pack = function(self)
  if workerpool.is_worker() then while true do end end
  return self.name
end
Endless.__workerpool_unpack = function(name)
  if name == "function" and workerpool.is_worker() then while true do end end
  return setmetatable({ name = name }, Endless)
end
workerpool.register_class("spec.regress.Endless", Endless)

local function endless(name) return setmetatable({ name = name }, Endless) end

describe("task_timeout", function()
  helper.guard()

  it("holds while a result is written that never ends", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
    local list = pool:map(function(x) return x == 2 and endless("result") or x end,
      { 1, 2, 3, 4 }, { task_timeout = 0.1, on_error = "collect", chunk_size = 2 })
    assert.are.equal("timeout", list[2].kind)
    assert.are.equal(2, list[2].task_index)
    for _, i in ipairs { 1, 3, 4 } do assert.are.equal(i, list[i]) end
  end)

  it("holds while a function is read that never ends", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
    pool:map(function() end, { 1 })
    local value = endless("function")
    local ok, err = pcall(pool.map, pool, function() return value.name end, { 1 },
      { task_timeout = 0.1 })
    assert.is_false(ok)
    assert.are.equal("timeout", err.kind)
  end)

  it("does not count the time in which the host does not look", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local text, n = ("x"):rep(3 << 20), 0
    for i, value in pool:imap(function(x) return x, text end, { 1, 2, 3 },
      { task_timeout = 0.3 * helper.scale, chunk_size = 3 }) do
      assert.are.equal(i, value)
      helper.sleep(0.5 * helper.scale)
      n = n + 1
    end
    assert.are.equal(3, n)
  end)
end)
