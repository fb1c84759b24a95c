-- Functions: those that both sides have travel as names or references, others
-- as code with upvalues.

local core = require "workerpool.core"
local names = require "workerpool.names"

local codec = core.codec()

local function round_trip(...)
  return codec:decode(codec:encode(...))
end

describe("a function", function()
  it("arrives with its upvalues", function()
    local base, list = 10, { 1, 2 }
    local got = round_trip(function(x) return base + x + #list end)
    assert.equal(15, got(3))
  end)

  it("that was sent has variables of its own", function()
    local n = 0
    local function count() n = n + 1 return n end
    local got = round_trip(count)
    assert.equal(1, got())
    assert.equal(2, got())
    assert.equal(0, n)
  end)

  it("may call itself", function()
    local function factorial(n) return n <= 1 and 1 or n * factorial(n - 1) end
    assert.equal(3628800, round_trip(factorial)(10))
  end)

  it("may call another, which calls it", function()
    local is_even, is_odd
    function is_even(n) if n == 0 then return true end return is_odd(n - 1) end
    function is_odd(n) if n == 0 then return false end return is_even(n - 1) end
    local even, odd = round_trip(is_even, is_odd)
    assert.is_true(even(10))
    assert.is_false(odd(10))
  end)

  it("that comes twice is one", function()
    local x = 1
    local function f() return x end
    local a, b, list = round_trip(f, f, { f })
    assert.equal(a, b)
    assert.equal(a, list[1])
  end)

  it("shares with others the variables that it shared", function()
    local n = 0
    local function add() n = n + 1 end
    local function get() return n end
    local a, g = round_trip(add, get)
    a() a()
    assert.equal(2, g())
    assert.equal(0, n)
  end)

  it("does not share what only looks the same", function()
    local function counter() local n = 0 return function() n = n + 1 return n end end
    local a, b = round_trip(counter(), counter())
    a() a()
    assert.equal(1, b())
  end)

  it("shares tables with the rest of the message", function()
    local t = {}
    local f, u = round_trip(function() return t end, t)
    assert.equal(u, f())
  end)

  it("sees the globals of the process where it is", function()
    -- Specs run in an environment that is not _G: this one does not.
    local f = load("return function() return _G, string.format('%d', 3), print end")()
    local globals, text, p = round_trip(f)()
    assert.equal(_G, globals)
    assert.equal("3", text)
    assert.equal(print, p)
  end)

  it("may have an environment of its own", function()
    local f = load("return x", "chunk", "t", { x = 5 })
    assert.equal(5, round_trip(f)())
  end)

  it("may use loaded modules as upvalues", function()
    local s = string
    local got = round_trip(function() return s end)
    assert.equal(string, got())
  end)

  it("keeps the names and lines of a traceback", function()
    local function outer(x)
      local inner = x.field.missing
      return inner
    end
    local ok, message = pcall(round_trip(outer), {})
    assert.is_false(ok)
    assert.matches("functions_spec.lua:%d+: .*field 'field'", message)
  end)

  it("may be vararg and have many upvalues", function()
    local lines, sum = {}, {}
    for i = 1, 200 do
      lines[i] = ("local v%d = %d"):format(i, i)
      sum[i] = "v" .. i
    end
    -- 200 locals are as many as Lua allows.
    local f = load(table.concat(lines, " ") .. " return function(...) return select('#', ...) + "
      .. table.concat(sum, "+") .. " end")()
    assert.equal(20100 + 2, round_trip(f)(nil, nil))
  end)

  it("made many times by one place carries its code once", function()
    local function adder(n) return function(x) return x + n end end
    local one, many = #codec:encode { adder(1) }, {}
    for i = 1, 50 do many[i] = adder(i) end
    assert.is_true(#codec:encode(many) < one + 50 * 16)
    local got = round_trip(many)
    for i = 1, 50 do assert.equal(i + 1, got[i](1)) end
  end)

  it("in the globals of the script travels by value", function()
    function _G.spec_global() return "global" end
    local got = round_trip(_G.spec_global)
    assert.are_not.equal(_G.spec_global, got)
    assert.equal("global", got())
    _G.spec_global = nil
  end)
end)

describe("a name", function()
  local function module(fields)
    package.loaded["spec.fresh"] = fields
    return fields
  end
  after_each(function() package.loaded["spec.fresh"] = nil end)

  it("is what functions in C travel by", function()
    assert.same({ print, string.format, table.concat, io.open, debug.traceback },
      { round_trip(print, string.format, table.concat, io.open, debug.traceback) })
  end)

  it("is what loaded modules travel by", function()
    local modules = { _G, string, math, names, core }
    local got = round_trip(modules)
    for i, m in ipairs(modules) do assert.equal(m, got[i]) end
  end)

  it("is what functions of modules in Lua travel by", function()
    assert.equal(names.new, round_trip(names.new))
  end)

  it("is found for modules that are loaded later", function()
    local m = module { f = function() end, list = { 1 } }
    assert.equal(m.f, round_trip(m.f))
    assert.equal(m, round_trip(m))
  end)

  it("is found for a module that comes as a table with functions", function()
    codec:encode { 1 }
    local m = module { f = function() end }
    local got = round_trip { before = { 1 }, m = m, again = { m } }
    assert.equal(m, got.m)
    assert.equal(m, got.again[1])
  end)

  it("is not used once the module has something else there", function()
    local m = module { f = function() return "old" end }
    local old = m.f
    assert.equal(old, round_trip(old))
    m.f = function() return "new" end
    assert.equal("old", round_trip(old)())
    assert.are_not.equal(m.f, round_trip(old))
  end)

  it("does not make data of a module travel by name", function()
    local m = module { f = print, settings = { x = 1 } }
    round_trip(m)
    local got = round_trip(m.settings)
    assert.are_not.equal(m.settings, got)
    assert.same({ x = 1 }, got)
  end)

  it("makes the receiver load its module", function()
    package.preload["spec.fresh"] = function() return { f = print, loaded_again = true } end
    local bytes = codec:encode(module { f = function() end })
    package.loaded["spec.fresh"] = nil
    assert.is_true(codec:decode(bytes).loaded_again)
    package.preload["spec.fresh"] = nil
  end)

  it("of a module that is missing is an error which says so", function()
    local m = module { f = function() end }
    local whole, field = codec:encode(m), codec:encode(m.f)
    package.loaded["spec.fresh"] = nil
    assert.error_matches(function() codec:decode(whole) end,
      "module 'spec.fresh' is not available in this process")
    module {}
    assert.error_matches(function() codec:decode(field) end,
      "'f' of module 'spec.fresh' is not available in this process")
  end)

  it("does not load modules for a peer without trust", function()
    package.preload["spec.fresh"] = function() error "was loaded" end
    local bytes = codec:encode(module { f = function() end })
    package.loaded["spec.fresh"] = nil
    local wary = core.codec()
    wary:trust(false)
    assert.error_matches(function() wary:decode(bytes) end,
      "^module 'spec.fresh' is not available in this process$")
    package.preload["spec.fresh"] = nil
  end)

  it("keeps nothing alive", function()
    local weak = setmetatable({}, { __mode = "k" })
    weak[module { f = function() end }] = true
    codec:encode(package.loaded["spec.fresh"].f)
    package.loaded["spec.fresh"] = nil
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)

describe("a reference", function()
  local known, with_refs
  before_each(function()
    known = names.new()
    with_refs = core.codec(known)
  end)
  local function by_reference(value)
    return rawequal(value, with_refs:decode(with_refs:encode(value)))
  end

  it("is what a remembered function travels as", function()
    local function f() end
    assert.equal(1, known:remember(f))
    assert.equal(1, known:remember(f))
    assert.is_true(by_reference(f))
    assert.is_true(#with_refs:encode(f) <= 3)
  end)

  it("is given up when an upvalue has changed", function()
    local n = 1
    local function f() return n end
    known:remember(f)
    n = 2
    assert.is_false(by_reference(f))
    assert.equal(2, with_refs:decode(with_refs:encode(f))())
    n = 1
    assert.is_true(by_reference(f))
  end)

  it("is given up when an upvalue of a function below has changed", function()
    local n = 1
    local function low() return n end
    local function f() return low() end
    known:remember(f)
    assert.is_true(by_reference(f))
    n = 2
    assert.is_false(by_reference(f))
    assert.equal(2, with_refs:decode(with_refs:encode(f))())
  end)

  it("works for functions that call themselves, and with nan", function()
    local nan, f = 0 / 0, nil
    f = function() return f, nan end
    known:remember(f)
    assert.is_true(by_reference(f))
  end)

  it("is for other things when asked for", function()
    local t, u, fh = {}, {}, io.stdout
    known:remember(t)
    known:remember(u, true)
    known:remember(fh, true)
    assert.is_false(by_reference(t))
    assert.is_true(by_reference(u))
    assert.is_true(by_reference(fh))
    assert.equal(u, with_refs:decode(with_refs:encode { { u } })[1][1])
  end)

  it("that the receiver does not know is an error", function()
    local function f() end
    known:remember(f)
    assert.has_error(function() codec:decode(with_refs:encode(f)) end,
      "reference 1 is not available in this process")
    assert.has_error(function() core.codec(names.new()):decode(with_refs:encode(f)) end,
      "reference 1 is not available in this process")
  end)

  it("keeps its function alive, and not longer than itself", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local x = {}
      local function f() return x end
      weak[f] = true
      known:remember(f)
      with_refs:encode(f)
    end
    collectgarbage()
    assert.is_truthy(next(weak))
    known, with_refs = nil, nil
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)

describe("a codec without trust", function()
  it("refuses code, and takes all else", function()
    local wary = core.codec()
    wary:trust(false)
    local bytes = codec:encode(function() end)
    assert.has_error(function() wary:decode(bytes) end,
      "functions are not accepted from this peer")
    assert.same({ 1, "x" }, wary:decode(codec:encode { 1, "x" }))
    assert.equal(print, wary:decode(codec:encode(print)))
    wary:trust()
    assert.is_function(wary:decode(bytes))
  end)
end)
