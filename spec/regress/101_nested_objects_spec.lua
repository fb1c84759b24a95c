-- To who reads, an object and its table were two levels of nesting, to who writes one:
-- beyond 2,000 objects in each other a message could be written and not be read.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local workerpool = require "workerpool"

describe("Objects in objects", function()
  helper.guard()

  local DEEPEST = core.limits.depth
  local Node = { __name = "Node101" }
  workerpool.register_class("Node101", Node)

  local function nested(levels)
    local v = setmetatable({}, Node)
    for _ = 2, levels do v = setmetatable({ v }, Node) end
    return v
  end

  for _, levels in ipairs { 15, 16, 17, 2000, 2001, DEEPEST } do
    it(("are read %d levels deep"):format(levels), function()
      local codec = core.codec()
      local v, depth = codec:decode(codec:encode(nested(levels))), 0
      while v do
        assert.are.equal(Node, getmetatable(v))
        v, depth = v[1], depth + 1
      end
      assert.are.equal(levels, depth)
    end)
  end

  it("are refused one level deeper", function()
    local codec = core.codec()
    local ok, err = pcall(codec.encode, codec, nested(DEEPEST + 1))
    assert.is_false(ok)
    assert.matches(("nested deeper than %d levels"):format(DEEPEST), err, 1, true)
  end)

  it("are passed over as deep as they are read", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1 }
    local results = pool:map(function(v, i) return i, v end, {
      { nested(DEEPEST), 1 }, { nested(3), 2 } }, { chunk_size = 2 })
    assert.are.same({ 1, 2, n = 2 }, results)
  end)

  -- The second task's arguments begin where the first one's end.
  it("are skipped as deep as they are read", function()
    local codec = core.codec()
    core.write_tasks(codec, { { nested(DEEPEST) }, { "second" } }, 1, 2, false)
    assert.are.equal("second", (core.task_arguments(codec, core.output(codec), 1)))
  end)

  it("that are no tables are no objects", function()
    local codec = core.codec()
    local bytes = codec:encode(setmetatable({}, Node))
    assert.are.equal("\x80", bytes:sub(-1))
    local chain = bytes:sub(1, 1) .. ("\xD3" .. "\x61x"):rep(100000) .. "\x80"
    assert.is_false(pcall(codec.decode, codec, chain))
    assert.is_false(pcall(core.task_arguments, codec, "T" .. chain .. chain, 1))
  end)
end)
