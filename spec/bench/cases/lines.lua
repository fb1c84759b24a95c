-- The command line: a function for each line of a file, and a program for each.
-- Both sides read a file and write another; what they wrote must be the same.
local kit = ...
local quote = require("program").quote

local host = (os.getenv("WORKERPOOL_BUILD") or "build") .. "/workerpool"

-- Runs the command between a file of n lines and another.
local function piped(command, n, expected)
  local input, output = os.tmpname(), os.tmpname()
  local file <close> = assert(io.open(input, "w"))
  for i = 1, n do file:write("line ", i, "\n") end
  file:close()
  local seconds, ok = kit.seconds(os.execute, ("%s <%s >%s 2>/dev/null"):format(command, input, output))
  local found = 0
  for line in io.lines(output) do
    if line:find(expected) then found = found + 1 end
  end
  os.remove(input)
  os.remove(output)
  assert(ok and found == n, ("%d lines of %d came back"):format(found, n))
  return seconds
end

local UPPER = [[for line in io.lines() do io.write(line:upper(), "\n") end]]
local ECHO = [[function(x) local p = io.popen("exec /bin/echo " .. x) local s = p:read("l") p:close() return s end]]

local function either(upper, echo)
  return function(n, values)
    local command = values.program == 1 and echo or upper
    if not command then error("no way to do this") end
    return piped(command, n, values.program == 1 and "^line %d+$" or "^LINE %d+$")
  end
end

local lua = os.getenv("LUA") or "lua5.4"
local commands = { ["lua, alone"] = either(("%s -e %s"):format(lua, quote(UPPER))) }
if os.execute("parallel --version >/dev/null 2>&1") then
  commands["GNU parallel"] = either(
    ("parallel -k -j2 --pipe --block 256k %s"):format(quote(("%s -e %s"):format(lua, quote(UPPER)))),
    "parallel -k -j2 /bin/echo {}")
end
if os.execute("xargs --version >/dev/null 2>&1") then
  commands["xargs, order lost"] = either(nil, "xargs -P2 -I{} /bin/echo {}")
end

return {
  place = 95, name = "lines",
  title = "a line of a file, on the command line with 2 jobs", unit = "line", rounds = 5, fixed = true,
  rows = {
    { label = "a function for each line", most = 300000, values = { program = 0 },
      without = { "xargs, order lost" } },
    { label = "a program for each line", most = 300, values = { program = 1 }, without = { "lua, alone" } },
  },
  tiny_most = 50,
  ours = {
    ["workerpool"] = either(("%s map -j 2 'x:upper()'"):format(host),
      ("%s map -j 2 %s"):format(host, quote(ECHO))),
  },
  commands = commands,
}
