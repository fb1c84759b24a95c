-- What the field n of a list of arguments may be was told in three ways: map took 2.0
-- for no count, apply took "2" for one and -1 for none, and apply with more arguments
-- than a stack takes raised an error of our own source lines.

local helper = require "spec.support.helper"
local WorkerPool = require("workerpool").WorkerPool

describe("The field n of a list of arguments", function()
  helper.guard()

  local function count(...) return select("#", ...) end

  local COUNTS = {
    { 2, 2 }, { 2.0, 2 }, { 0, 0 }, { -0.0, 0 }, { 5, 5 },
    { 2.5, 3 }, { "2", 3 }, { -1, 3 }, { 0 / 0, 3 }, { 1 / 0, 3 }, { false, 3 }, { {}, 3 },
  }

  it("is a number of arguments, or does not count", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    for _, case in ipairs(COUNTS) do
      local list = { "a", "b", "c", n = case[1] }
      assert.are.equal(case[2], pool:map(count, { list })[1])
      assert.are.equal(case[2], pool:apply(count, list))
    end
  end)

  it("makes no list of a record that has it for something else", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    local function name(record) return record and record.n end
    for _, n in ipairs { "Anna", 2.5, -1 } do
      assert.are.equal(n, pool:map(name, { { n = n } })[1])
    end
  end)

  it("may be more than anybody can be given, which fails the task", function()
    local pool <close> = WorkerPool { n_jobs = 1, keep_alive = true }
    for _, n in ipairs { 2000000, 1000000000, math.maxinteger } do
      for _, call in ipairs {
        function(list) return pool:map(count, { list }) end,
        function(list) return pool:apply(count, list) end,
      } do
        local ok, err = pcall(call, { 1, n = n })
        assert.is_false(ok)
        assert.are.equal("encode", err.kind)
        assert.are.equal(("cannot send args: %d arguments are too many"):format(n), err.message)
      end
    end
    local many = { n = 100000 }
    assert.are.equal(100000, pool:apply(count, many))
    assert.are.equal(100000, pool:map(count, { many })[1])
  end)
end)
