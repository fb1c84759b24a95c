-- What a function closes over at one moment, and whether it still does.

local snapshot = require "workerpool.snapshot"

local nobody = {}

-- Makes a function over a table, a number and another function.
local function make()
  local number, text, list = 1, "a", { 1 }
  local function inner() return text end
  return {
    of_number = function() return number end,
    of_inner = function() return inner() end,
    of_list = function() return list end,
    set_number = function(n) number = n end,
    set_text = function(s) text = s end,
  }
end

describe("a snapshot of a function", function()
  it("sees an upvalue that has been assigned since", function()
    local made = make()
    local before = snapshot.of(made.of_number, nobody)
    assert.is_true(snapshot.is_unchanged(before))
    made.set_number(2)
    assert.is_false(snapshot.is_unchanged(before))
    made.set_number(1.0)
    assert.is_false(snapshot.is_unchanged(before))
    made.set_number(1)
    assert.is_true(snapshot.is_unchanged(before))
  end)

  it("sees those of functions among the upvalues, too", function()
    local made = make()
    local before = snapshot.of(made.of_inner, nobody)
    assert.is_true(snapshot.is_unchanged(before))
    made.set_text("b")
    assert.is_false(snapshot.is_unchanged(before))
  end)

  it("is settled when nothing in it can change inside", function()
    local made = make()
    assert.is_true(snapshot.is_settled(snapshot.of(made.of_number, nobody), nobody))
    assert.is_true(snapshot.is_settled(snapshot.of(made.of_inner, nobody), nobody))
    local of_list = snapshot.of(made.of_list, nobody)
    assert.is_false(snapshot.is_settled(of_list, nobody))
    assert.is_true(snapshot.is_settled(of_list, { [made.of_list()] = "by name" }))
  end)

  it("sees those of functions that lie deep", function()
    local state = "a"
    local f = function() return state end
    for _ = 1, 20 do
      local g = f
      f = function() return g() end
    end
    local before = snapshot.of(f, nobody)
    assert.is_true(snapshot.is_unchanged(before))
    assert.is_true(snapshot.is_settled(before, nobody))
    state = "b"
    assert.is_false(snapshot.is_unchanged(before))
  end)

  it("is not settled when there are too many functions to be looked at", function()
    local f = function() return 1 end
    for _ = 1, 200 do
      local g = f
      f = function() return g() end
    end
    assert.is_false(snapshot.is_settled(snapshot.of(f, nobody), nobody))
  end)
end)
