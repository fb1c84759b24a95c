-- What a task is given: the arguments that an element stands for, and those before them.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

-- What a function was called with, as one printable value.
local function show(...)
  local words = table.pack(...)
  for i = 1, words.n do
    local v = words[i]
    words[i] = type(v) == "table" and "table(" .. tostring(v.x or #v) .. ")"
      or math.type(v) == "float" and ("%.1f"):format(v) or tostring(v)
  end
  return table.concat(words, " ", 1, words.n) .. "/" .. words.n
end

local function shown(task, wrap)
  local pool <close> = WorkerPool { n_jobs = 1 }
  local tasks = { n = 1, task }
  return pool:map(show, wrap and workerpool.single(tasks) or tasks)[1]
end

describe("an element becomes arguments:", function()
  helper.guard()

  it("scalars are one argument", function()
    assert.are.equal("5/1", shown(5))
    assert.are.equal("5.0/1", shown(5.0))
    assert.are.equal("abc/1", shown("abc"))
    assert.are.equal("true/1", shown(true))
    assert.are.equal("nil/1", shown(nil))
  end)

  it("a list is unpacked", function()
    assert.are.equal("1 2 3/3", shown { 1, 2, 3 })
    assert.are.equal("table(2)/1", shown { { 7, 8 } })
  end)

  it("a packed list is unpacked with its nils", function()
    assert.are.equal("1 nil 3 nil/4", shown(table.pack(1, nil, 3, nil)))
    assert.are.equal("/0", shown { n = 0 })
  end)

  it("a record, an empty table and an object are one argument", function()
    assert.are.equal("table(1)/1", shown { x = 1, y = 2 })
    assert.are.equal("table(0)/1", shown {})
    local Point = { __name = "spec.arguments.Point" }
    workerpool.register_class("spec.arguments.Point", Point)
    assert.are.equal("table(9)/1", shown(setmetatable({ 1, 2, x = 9 }, Point)))
  end)

  it("a record whose field n is no count is one argument", function()
    assert.are.equal("table(3)/1", shown { n = "name", x = 3 })
  end)

  it("single keeps every element whole", function()
    assert.are.equal("table(3)/1", shown({ 1, 2, 3 }, true))
    assert.are.equal("5/1", shown(5, true))
  end)

  it("single works on iterators, too", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local i = 0
    local results = pool:map(show, workerpool.single(function()
      i = i + 1
      return i <= 2 and { i, i } or nil
    end))
    assert.are.same({ "table(2)/1", "table(2)/1", n = 2 }, results)
  end)
end)

describe("leading arguments", function()
  helper.guard()

  it("come as worker id, then shared objects, then the task's own", function()
    local pool <close> = WorkerPool {
      n_jobs = 1, pass_worker_id = true, shared_objects = { x = "shared" },
    }
    assert.are.equal("0 table(shared) 5/3", pool:map(show, { 5 })[1])
  end)

  it("shared objects that are false count, nil does not", function()
    local pool <close> = WorkerPool { n_jobs = 1, shared_objects = false }
    assert.are.equal("false 5/2", pool:map(show, { 5 })[1])
    pool:set_shared_objects(nil)
    assert.are.equal("5/1", pool:map(show, { 5 })[1])
  end)

  it("worker ids count from 0", function()
    local pool <close> = WorkerPool { n_jobs = 2, pass_worker_id = true }
    local seen = {}
    local ids = pool:map(function(id)
      require("workerpool.core").sleep(0.02)
      return id
    end, workerpool.range(8), { chunk_size = 1 })
    for i = 1, ids.n do seen[ids[i]] = true end
    assert.are.same({ [0] = true, [1] = true }, seen)
  end)

  it("setters change the next call", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    assert.are.equal("5/1", pool:map(show, { 5 })[1])
    pool:pass_on_worker_id()
    assert.are.equal("0 5/2", pool:map(show, { 5 })[1])
    pool:pass_on_worker_id(false)
    pool:set_shared_objects("s")
    assert.are.equal("s 5/2", pool:map(show, { 5 })[1])
    assert.has_error(function() pool:pass_on_worker_id("yes") end)
  end)

  it("shared objects are inherited and not encoded: anything may be one", function()
    local file <close> = assert(io.open("Makefile"))
    local shared = { file = file, co = coroutine.create(print) }
    local pool <close> = WorkerPool { n_jobs = 2, shared_objects = shared }
    local kinds = pool:map(function(s, _)
      return io.type(s.file) .. " " .. type(s.co)
    end, { 1, 2 })
    assert.are.same({ "file thread", "file thread", n = 2 }, kinds)
  end)

  it("what a worker writes into shared objects stays in that worker", function()
    local shared = { count = 0 }
    local pool <close> = WorkerPool { n_jobs = 2, shared_objects = shared }
    pool:map(function(s) s.count = s.count + 1 end, workerpool.range(10))
    assert.are.equal(0, shared.count)
  end)
end)
