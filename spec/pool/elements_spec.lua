-- What the elements of a list of tasks become: the arguments of f, or one of them.

local core = require "workerpool.core"
local workerpool = require "workerpool"

local Point = { __name = "spec.elements.Point" }
workerpool.register_class(Point.__name, Point)

describe("an element", function()
  local function arguments(element, whole)
    local codec = core.codec()
    assert.are.equal(1, core.write_tasks(codec, { element }, 1, 1, whole))
    return table.pack(core.task_arguments(codec, core.output(codec), 0))
  end

  it("that is a list without metatable becomes its arguments", function()
    assert.same({ 1, 2, n = 2 }, arguments { 1, 2 })
    assert.same({ nil, 2, nil, n = 3 }, arguments { nil, 2, n = 3 })
    assert.same({ n = 0 }, arguments { n = 0 })
    assert.same({ false, n = 1 }, arguments { false })
  end)

  it("of any other kind is one argument", function()
    local record, object = { x = 1 }, setmetatable({ 1, 2 }, Point)
    for _, v in ipairs { 5, "s", false, record, object, workerpool.range(3), print } do
      assert.same({ v, n = 1 }, arguments(v))
    end
    assert.same({ {}, n = 1 }, arguments {})
  end)

  it("is never unpacked when it is to stay whole", function()
    assert.same({ { 1, 2 }, n = 1 }, arguments({ 1, 2 }, true))
  end)

  it("with a field n that is no length counts by its border", function()
    assert.same({ 1, 2, n = 2 }, arguments { 1, 2, n = "x" })
    assert.same({ 1, 2, n = 2 }, arguments { 1, 2, n = -1 })
  end)
end)
