-- What was said of a list's item that an Array cannot hold had the Array's name where the
-- item should have been.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("An item that an Array cannot hold", function()
  helper.guard()

  local function said(...)
    local ok, err = pcall(...)
    assert.is_false(ok)
    return (err:gsub("^[^ ]*: Array", "Array"))
  end

  it("is named when an Array is made of it", function()
    assert.are.equal("Array('b'): value 300 at index 2 does not fit int8",
      said(workerpool.Array, "b", { 1, 300 }))
    assert.are.equal("Array('i'): value 1.5 at index 1 has no integer representation (int32)",
      said(workerpool.Array, "i", { 1.5 }))
    assert.are.equal("Array('i'): number expected at index 3, got table",
      said(workerpool.Array, "i", { 1, 2, {} }))
    assert.are.equal("Array('h'): value 1e+20 at index 1 does not fit int16",
      said(workerpool.Array, "h", workerpool.Array("d", { 1e20 })))
  end)

  it("is named when it is copied", function()
    local array = workerpool.Array("B", 5)
    assert.are.equal("Array('B'): value -1 at index 4 does not fit uint8",
      said(array.copy_from, array, { 7, -1 }, 3))
    assert.are.equal(7, array[3])
  end)
end)
