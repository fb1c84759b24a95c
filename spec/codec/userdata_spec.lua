-- Userdata and tables that say themselves how they travel, by
-- __workerpool_pack and __workerpool_unpack in their metatable.

local core = require "workerpool.core"
local names = require "workerpool.names"

local codec = core.codec()

local function round_trip(...)
  return codec:decode(codec:encode(...))
end

-- A class whose objects travel as the results of `pack`.
local function packed_class(name, pack, unpack)
  local class = { __workerpool_pack = pack, __workerpool_unpack = unpack }
  names.register_class("spec.userdata." .. name, class)
  return class
end

describe("a table with __workerpool_pack", function()
  local Celsius = packed_class("Celsius",
    function(self) return self.degrees, nil, "C" end)
  Celsius.__workerpool_unpack = function(degrees, nothing, unit)
    return setmetatable({ degrees = degrees, nothing = nothing, unit = unit }, Celsius)
  end

  it("arrives as what __workerpool_unpack makes", function()
    local got = round_trip { setmetatable({ degrees = 20, secret = io.stdout }, Celsius) }
    assert.same({ degrees = 20, unit = "C" }, got[1])
    assert.equal(Celsius, getmetatable(got[1]))
  end)

  it("arrives as one when it comes twice", function()
    local warm = setmetatable({ degrees = 20 }, Celsius)
    local a, b = round_trip(warm, { warm })
    assert.equal(a, b[1])
  end)

  it("may pack to nothing, or to tables made for the occasion", function()
    local Empty = packed_class("Empty", function() end, function(...) return { select("#", ...) } end)
    assert.same({ 0 }, round_trip(setmetatable({}, Empty)))
    local Fresh = packed_class("Fresh", function(self) return { self.i, { tostring(self.i) } } end,
      function(t) return t end)
    local list = {}
    for i = 1, 2000 do list[i] = setmetatable({ i = i }, Fresh) end
    for i, t in ipairs(round_trip(list)) do assert.same({ i, { tostring(i) } }, t) end
  end)

  it("may pack what others of the message share", function()
    local Box = packed_class("Box", function(self) return self.content end,
      function(content) return { content } end)
    local content = {}
    local a, b, c = round_trip(setmetatable({ content = content }, Box),
      setmetatable({ content = content }, Box), content)
    assert.equal(c, a[1])
    assert.equal(c, b[1])
  end)

  it("may not be inside what it packs", function()
    local Ring = packed_class("Ring", function(self) return { self } end, function(t) return t end)
    assert.has_error(function() codec:encode(setmetatable({}, Ring)) end,
      "cannot send args[1] packed[1][1]: an object inside what its own __workerpool_pack gave")
  end)

  it("passes an error of its pack on, with the path", function()
    local Bad = packed_class("Bad", function() error("not today", 0) end, print)
    assert.has_error(function() codec:encode { x = setmetatable({}, Bad) } end,
      "cannot send args[1].x: not today")
    assert.same({ 1 }, round_trip { 1 })
  end)

  it("may not use the codec that packs it", function()
    local Greedy = packed_class("Greedy", function() return codec:encode(1, 2) end, print)
    local ok, message = pcall(codec.encode, codec, setmetatable({}, Greedy))
    assert.is_false(ok)
    assert.matches("^cannot send args%[1%]: .*a codec cannot write while it calls ", message)
    local Polite = packed_class("Polite", function() return core.codec():encode(1, 2) end,
      function(bytes) return { codec:decode(bytes) } end)
    assert.same({ 1, 2 }, round_trip(setmetatable({}, Polite)))
  end)

  it("needs __workerpool_unpack, too", function()
    local OneWay = packed_class("OneWay", function() return 1 end)
    assert.has_error(function() codec:encode(setmetatable({}, OneWay)) end,
      "cannot send args[1]: table with __workerpool_pack but no __workerpool_unpack")
  end)

  it("needs a name", function()
    local mt = { __workerpool_pack = print, __workerpool_unpack = print }
    assert.error_matches(function() codec:encode(setmetatable({}, mt)) end,
      "has no name")
  end)
end)

describe("a userdata", function()
  local File = debug.getmetatable(io.stdout)
  after_each(function() File.__workerpool_pack, File.__workerpool_unpack = nil, nil end)

  it("travels by its own protocol and the name of its metatable", function()
    File.__workerpool_pack = function(f) return f == io.stdout and "stdout" or "stderr" end
    File.__workerpool_unpack = function(name) return io[name] end
    local t = round_trip { io.stdout, io.stderr, io.stdout }
    assert.same({ io.stdout, io.stderr, io.stdout }, t)
  end)

  it("without the protocol is an error that names its type", function()
    assert.has_error(function() codec:encode(io.stdout) end,
      "cannot send args[1]: userdata (FILE*)")
  end)

  it("has a metatable that no table of a message can get", function()
    local bytes = codec:encode(setmetatable({}, packed_class("Plain")))
    local forged = bytes:gsub("\x76?cspec.userdata.Plain", "rFILE*")
    -- The length of the name goes before it.
    forged = forged:gsub(".rFILE%*", "\x66rFILE*", 1)
    assert.error_matches(function() codec:decode(forged) end,
      "corrupt message: a table with the class of a userdata")
  end)
end)
