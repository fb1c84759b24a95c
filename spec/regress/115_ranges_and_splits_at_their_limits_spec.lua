-- A range with an infinite step began with nan, and had a number where the numeric
-- for has none; n_splits of more than some 2^31 made chunks of wrong sizes, for a
-- product overflowed.

local workerpool = require "workerpool"

describe("a range with an infinite step", function()
  local inf = math.huge

  it("has what the numeric for has", function()
    for _, case in ipairs {
      { 1.0, 5.0, inf }, { 5.0, 1.0, -inf }, { 2, 2, inf }, { -0.0, 1, inf },
      { 2, 1, inf }, { 1, 2, -inf }, { 1.0, 1.0 - 1e-16, 1e308 }, { 1, -inf, inf },
    } do
      local wanted, got = {}, {}
      for x in coroutine.wrap(function()
        for x = case[1] + 0.0, case[2], case[3] do coroutine.yield(x) end
      end) do wanted[#wanted + 1] = x end
      local range = workerpool.range(table.unpack(case))
      for i = 1, #range do got[i] = range[i] end
      assert.are.same(wanted, got)
    end
  end)
end)

describe("n_splits", function()
  it("gives each chunk its share, however many there are", function()
    local n = 1 << 61
    local sizes, sum = {}, 0
    for chunk in workerpool.chunk_tasks(workerpool.range(3 << 60), { n_splits = n }) do
      sizes[#sizes + 1], sum = chunk.n, sum + chunk.n
      if #sizes == 1000 then break end
    end
    assert.are.equal(1500, sum)
    for i = 1, 1000 do assert.are.equal(i % 2 == 1 and 2 or 1, sizes[i]) end
  end)

  it("ends the k-th chunk at the k-th part, rounded up", function()
    for _, case in ipairs { { 10, 3 }, { 7, 7 }, { 5, 9 }, { 100, 7 }, { 1, 4 }, { 23, 8 } } do
      local length, splits = case[1], math.min(case[1], case[2])
      local k, upto = 0, 0
      for chunk in workerpool.chunk_tasks(workerpool.range(length), { n_splits = case[2] }) do
        k, upto = k + 1, upto + chunk.n
        assert.are.equal((k * length + splits - 1) // splits, upto)
      end
      assert.are.same({ splits, length }, { k, upto })
    end
  end)
end)
