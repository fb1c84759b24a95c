-- Mistakes with shared objects were told without the caller's line where the
-- constructor called C last or a dict worked under its lock, and two of them
-- named the object in place of the value.

local workerpool = require "workerpool"

local HERE = "^.-083_position_of_shared_mistakes_spec%.lua:%d+: "

local function message(f, ...)
  local given = table.pack(...)
  -- Not a tail call: this is the line that is blamed.
  local ok, err = pcall(function()
    local _ = f(table.unpack(given, 1, given.n))
  end)
  assert.is_false(ok)
  assert.matches(HERE, err)
  return (err:gsub(HERE, ""))
end

describe("A mistake is told at the caller's line:", function()
  it("making an Array or a Value", function()
    assert.matches("^unknown typecode 'x'", message(workerpool.Array, "x", 3))
    assert.matches("^unknown typecode 'x'", message(workerpool.Value, "x"))
    assert.are.equal("Array: typecode: wanted a string such as \"d\", got 5",
      message(workerpool.Array, 5, 3))
    assert.are.equal("Value: typecode: wanted a string such as \"d\", got nil",
      message(workerpool.Value))
    assert.are.equal("Array: wanted a length or a list, got nil",
      message(workerpool.Array, "i"))
    assert.are.equal("Array('i'): number expected at index 2, got string",
      message(workerpool.Array, "i", { 1, "x" }))
    assert.are.equal("Array('i'): value 1.5 at index 2 has no integer representation (int32)",
      message(workerpool.Array, "i", { 1, 1.5 }))
    assert.are.equal("Array('b'): value 128 at index 1 does not fit int8",
      message(workerpool.Array, "b", { 128 }))
  end)

  it("an index that was left out", function()
    local array = workerpool.Array("i", 3)
    assert.are.equal("Array('i'): index (no value) out of range 1..3", message(array.get, array))
    assert.are.equal("Array('i'): number expected at index 2, got no value",
      message(array.set, array, 2))
  end)

  it("a Dict", function()
    local dict = workerpool.Dict { capacity = 1 }
    dict.a = "text"
    assert.are.equal("Dict: incr: the value is no number but a string",
      message(dict.incr, dict, "a"))
    assert.matches("^Dict: full: 1 of 1 keys", message(dict.incr, dict, "b"))
    assert.matches("^Dict: full: 1 of 1 keys",
      message(dict.update, dict, "b", function() return 1 end))
    dict.a = math.maxinteger
    assert.are.equal("Dict: incr: out of the range of integers", message(dict.incr, dict, "a"))
    assert.are.equal("cannot send value[1]: userdata (FILE*)",
      message(dict.set, dict, "a", io.stdout))
    assert.are.equal("cannot send value[1]: userdata (FILE*)",
      message(dict.update, dict, "a", function() return io.stdout end))
    assert.are.equal("cannot send value[1].file: userdata (FILE*)",
      message(dict.set, dict, "a", { file = io.stdout }))
    assert.matches("function expected, got number", message(dict.update, dict, "a", 5))
    assert.are.equal(math.maxinteger, dict.a)
  end)

  it("a Queue and a lock", function()
    local queue = workerpool.Queue(1)
    assert.are.equal("cannot send value[1]: userdata (FILE*)",
      message(queue.put, queue, io.stdout))
    local lock = workerpool.Lock()
    assert.matches("function expected, got number", message(lock.with_lock, lock, 5))
    assert.is_true(lock:try_lock())
    lock:unlock()
  end)

  it("while what a function itself throws stays as it is", function()
    local dict = workerpool.Dict()
    local thrown = {}
    local _, err = pcall(dict.update, dict, "a", function() error(thrown) end)
    assert.are.equal(thrown, err)
    _, err = pcall(dict.update, dict, "a", function() error("mine", 0) end)
    assert.are.equal("mine", err)
  end)

  it("with what is called, also an object", function()
    local callable = setmetatable({}, { __call = function(_, v) return (v or 0) + 1 end })
    local dict = workerpool.Dict()
    assert.are.equal(1, dict:update("a", callable))
    assert.are.equal(2, dict:update("a", callable))
  end)
end)
