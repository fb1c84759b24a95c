-- Numbers from a to b.

local range = require("workerpool.range").new

local function elements(list)
  local out = {}
  for i = 1, #list do out[i] = list[i] end
  return out
end

describe("a range", function()
  it("counts from 1, or between two numbers, or in steps", function()
    assert.same({ 1, 2, 3 }, elements(range(3)))
    assert.same({ 4, 5 }, elements(range(4, 5)))
    assert.same({ 1, 4, 7, 10 }, elements(range(1, 10, 3)))
    assert.same({ 3, 2, 1 }, elements(range(3, 1, -1)))
    assert.same({ 5, 3 }, elements(range(5, 2, -2)))
  end)

  it("may be empty", function()
    assert.equal(0, #range(0))
    assert.equal(0, #range(-5))
    assert.equal(0, #range(1, 2, -1))
    assert.equal(0, #range(2.0, 1.5, 1))
  end)

  it("has integers or floats as the numeric for has", function()
    for _, case in ipairs { { 1, 3.5 }, { 1, 3, 1.0 }, { 1.0, 3 }, { 0, 1, 0.25 }, { 3, 0.5, -1 } } do
      local expected = {}
      for i = case[1], case[2], case[3] or 1 do expected[#expected + 1] = i end
      local got = elements(range(case[1], case[2], case[3]))
      assert.same(expected, got)
      assert.equal(math.type(expected[1]), math.type(got[1]))
    end
  end)

  it("is indexed by its numbers only", function()
    local r = range(3)
    assert.equal(2, r[2.0])
    for _, key in ipairs { 0, 4, -1, 1.5, "1", "n", "x", math.mininteger } do
      assert.is_nil(r[key])
    end
    local seen = {}
    for _, v in ipairs(r) do seen[#seen + 1] = v end
    assert.same({ 1, 2, 3 }, seen)
  end)

  it("tells its three numbers to whoever reads its fields raw", function()
    local r = range(2, 9, 3)
    assert.same({ 2, 3, 3 }, { rawget(r, "_first"), rawget(r, "_step"), rawget(r, "_count") })
    assert.equal("workerpool.range", getmetatable(r).__name)
    assert.equal("workerpool.range(2, 8, 3)", tostring(r))
  end)

  it("may be huge and overflows nowhere", function()
    local max, min = math.maxinteger, math.mininteger
    assert.equal(max, #range(1, max))
    assert.equal(max, range(1, max)[max])
    assert.equal(max, #range(1e300))
    assert.equal(max, #range(min, -2))
    assert.equal(6148914691236517206, #range(min, max, 3))
    assert.equal(max, range(min, max, 3)[#range(min, max, 3)])
    assert.same({ max, -1 }, elements(range(max, min, min)))
    assert.same({ min, min + max, min + max + max }, elements(range(min, max, max)))
    assert.same({ max - 1, max }, elements(range(max - 1, max)))
    assert.same({ min + 1, min }, elements(range(min + 1, min, -1)))
  end)

  it("refuses to be longer than an integer can count", function()
    assert.has_error(function() range(0, math.maxinteger) end, "range: more numbers than can be counted")
    assert.has_error(function() range(1.5, math.huge) end, "range: more numbers than can be counted")
  end)

  it("refuses what is no number, and a step of 0", function()
    assert.has_error(function() range("3") end, "range: 'limit' must be a number, got \"3\" (a string)")
    assert.has_error(function() range() end, "range: 'limit' must be a number, got nil")
    assert.has_error(function() range(1, 0 / 0) end, "range: 'limit' must be a number, got nan")
    assert.has_error(function() range({}, 1) end, "range: 'start' must be a number, got {} (a table)")
    assert.has_error(function() range(1, 2, "x") end, "range: 'step' must be a number, got \"x\" (a string)")
    assert.has_error(function() range(1, 2, 0) end, "range: 'step' is zero")
    assert.has_error(function() range(1, 2, 0.0) end, "range: 'step' is zero")
  end)
end)
