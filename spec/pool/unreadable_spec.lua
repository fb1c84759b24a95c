-- Values that one side can send and the other cannot read: only the task that
-- they belong to fails, with an error object, and its neighbours are not
-- mistaken for it.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local Touchy = {}
Touchy.__index = Touchy
Touchy.__workerpool_pack = function(self) return self.name, self.where end
Touchy.__workerpool_unpack = function(name, where)
  if where == (workerpool.is_worker() and "worker" or "host") then
    error("no " .. name .. " here")
  end
  return setmetatable({ name = name, where = where }, Touchy)
end
workerpool.register_class("spec.unreadable.Touchy", Touchy)

local function touchy(name, where)
  return setmetatable({ name = name, where = where }, Touchy)
end

-- Something of every kind that a message has, around the one that cannot be
-- read, so that finding its end is not simple.
local function surrounded(value)
  local shared, floats, big = { 1 }, {}, {}
  for i = 1, 40 do floats[i], big["key" .. i] = i + 0.5, i end
  local function closure(x) return x + shared[1] end
  local function sibling() return shared end
  return {
    nil, true, false, 7, -1, 300, -70000, 1 << 40, 0.5, "s", ("t"):rep(300), ("u"):rep(70000),
    shared, { shared, { 1, 2, x = 3 } }, value, floats, { 1, 2.5, 3.5, 4 }, big, closure, sibling,
    string.format, touchy("other", "nowhere"), touchy("another", "nowhere"), { n = 3 },
    "a word", "a word", "a word", n = 27,
  }
end

describe("an argument that a worker cannot read", function()
  helper.guard()

  it("fails its own task, and is the only one blamed", function()
    for _, n_jobs in ipairs { 0, 1 } do
      local tasks = {}
      for i = 1, 9 do
        tasks[i] = surrounded(i % 3 == 0 and touchy("task " .. i, "worker") or i)
      end
      if n_jobs == 0 then
        for i = 3, 9, 3 do tasks[i] = surrounded(touchy("task " .. i, "host")) end
      end
      local pool <close> = WorkerPool { n_jobs = n_jobs }
      local list = pool:map(function(...) return (select(15, ...)) end, tasks,
        { chunk_size = 9, on_error = "collect" })
      for i = 1, 9 do
        if i % 3 == 0 then
          assert.are.equal("encode", list[i].kind)
          assert.are.equal(i, list[i].task_index)
          assert.matches("no task " .. i .. " here", list[i].message)
        else
          assert.are.equal(i, list[i])
        end
      end
    end
  end)
end)

describe("a result that the host cannot read", function()
  helper.guard()

  local function give(i, where)
    if i % 3 == 0 then
      local values = surrounded(touchy("result " .. i, where))
      return i, table.unpack(values, 1, values.n)
    end
    return i
  end

  local function tasks(where)
    local list = {}
    for i = 1, 9 do list[i] = { i, where or "host" } end
    return list
  end

  local function check(list)
    for i = 1, 9 do
      if i % 3 == 0 then
        assert.is_true(workerpool.is_error(list[i]))
        assert.are.equal("encode", list[i].kind)
        assert.are.equal(i, list[i].task_index)
        assert.matches("^cannot read the result: .*no result " .. i .. " here", list[i].message)
      else
        assert.are.equal(i, list[i])
      end
    end
  end

  it("fails its own task when errors are collected", function()
    for _, n_jobs in ipairs { 0, 1, 2 } do
      local pool <close> = WorkerPool { n_jobs = n_jobs }
      local opts = { chunk_size = 9, on_error = "collect" }
      check((pool:map(give, tasks(), opts)))
      local lazy, apart = {}, {}
      for i, value in pool:imap(give, tasks(), opts) do lazy[i] = value end
      for i, value in pool:imap_unordered(give, tasks(), opts) do apart[i] = value end
      check(lazy)
      check(apart)
    end
  end)

  it("raises an error object, and the pool goes on", function()
    local pool <close> = WorkerPool { n_jobs = 2, keep_alive = true }
    local _, err = pcall(pool.map, pool, give, tasks(), { chunk_size = 4 })
    assert.are.equal("encode", err.kind)
    assert.are.equal("encode", select(2, pcall(pool.apply, pool, give, { 3, "host" })).kind)
    assert.are.equal(9, pool:map(give, tasks("nowhere"), { chunk_size = 4 }).n)
  end)

  it("is tried again as often as retries say, also when arguments are as bad", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local calls = workerpool.Value("l", 0)
    local list = pool:map(function(count)
      return touchy("result", count:add(1) < 3 and "host" or "nowhere")
    end, { { calls } }, { retries = 5 })
    assert.are.equal("result", list[1].name)
    local _, err = pcall(pool.map, pool, function(thing) return thing end,
      { touchy("echo", "host") }, { retries = 5 })
    assert.are.equal("encode", err.kind)
    assert.are.equal(1, err.attempt)
  end)
end)
