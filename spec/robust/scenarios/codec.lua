-- For failing.c: values to bytes and back.

local core = require "workerpool.core"
local names = require "workerpool.names"

return function()
  local codec = core.codec(names.new())
  local shared, records, map = { 1 }, {}, {}
  shared.self = shared
  for i = 1, 30 do records[i] = { id = i, name = "foo", value = i / 3 } end
  for i = 1, 300 do map["key" .. i] = { i, tostring(i):rep(50) } end
  local function up() return shared, records end
  local a, b, c, f, text = codec:decode(codec:encode(shared, records, map, up, ("x"):rep(100000)))
  local s = f()
  return a.self == a and s == a and b[30].value == 10 and c.key300[1] == 300 and #text == 100000
end
