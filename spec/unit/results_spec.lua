-- Results are read into lists, chunk by chunk, in whatever order chunks end.

local core = require "workerpool.core"

local codec = core.codec()
local CHUNK = 40

local function fail(message) return message end

-- The results of f over CHUNK numbers, as a worker sends them.
local function results_of(f, start)
  core.write_range(codec, start, 1)
  return (core.run(codec, core.output(codec), { count = CHUNK }, fail, math.randomseed, f))
end

local function read(order, lists, f)
  local failures, n = {}, 0
  for _, k in ipairs(order) do
    local first = k * CHUNK + 1
    n = n + core.read_results(codec, results_of(f, first), CHUNK, first, lists, failures)
  end
  return lists, failures, n
end

describe("results of chunks", function()
  local orders = { { 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 2, 0, 3, 1 } }

  it("stand at their numbers, whatever order chunks come in, with places or without", function()
    local want = {}
    for i = 1, 4 * CHUNK do want[i] = i / 2 end
    for _, order in ipairs(orders) do
      for _, places in ipairs { 0, 10, 4 * CHUNK, 1000 } do
        local lists = read(order, { core.list(places) }, function(x) return x / 2 end)
        assert.same({ want }, lists)
      end
      assert.same({ want }, (read(order, {}, function(x) return x / 2 end)))
    end
  end)

  it("may be none, several, and failures", function()
    local function f(x)
      if x % 7 == 0 then return end
      if x % 5 == 0 then error("five", 0) end
      if x % 3 == 0 then return x, nil, "three" end
      return x
    end
    for _, order in ipairs(orders) do
      local lists, failures, n = read(order, { core.list(4 * CHUNK) }, f)
      local fives = 0
      for i = 1, 4 * CHUNK do
        local is_five = i % 5 == 0 and i % 7 ~= 0
        fives = fives + (is_five and 1 or 0)
        assert.equal(is_five and "five" or nil, failures[i])
        assert.equal(not is_five and i % 7 ~= 0 and i or nil, lists[1][i])
        local is_three = i % 3 == 0 and i % 5 ~= 0 and i % 7 ~= 0
        assert.equal(is_three and "three" or nil, lists[3][i])
        assert.equal(is_three and 3 or i % 7 == 0 and 0 or nil, lists.counts[i])
      end
      assert.equal(fives, n)
    end
  end)

  it("have a list with places at once, but no more than a million", function()
    for _, n in ipairs { 0, 1, 1000, 1 << 20, (1 << 20) + 1, math.maxinteger, -1 } do
      local before = collectgarbage "count"
      local list = core.list(n)
      assert.is_nil(next(list))
      assert.is_true(collectgarbage "count" - before < 17 * 1024)
    end
    assert.is_nil(next(core.list()))
    assert.has_error(function() core.list("many") end)
  end)
end)
