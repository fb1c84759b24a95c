-- The cases in Lua as a contender's program (see program.lua).
--
--   lua5.4 spec/bench/serve.lua ROLE [CASE]
--
-- ROLE is a field of the cases: `ours`, `plain` (Lua without a pool) or
-- `commands` (programs of the shell). Each is a table of functions by label,
-- called as f(count, values), which return the seconds and a table of what
-- else is to be told.

local folder = arg[0]:match("^(.*)/") or "."
package.path = folder .. "/?.lua;" .. package.path

local kit = require "kit"

local role = arg[1]
local cases = {}
for _, case in ipairs(kit.cases(folder .. "/cases")) do cases[case.name] = case end

io.stdout:setvbuf("full")
local function say(...) io.stdout:write(...) end

say(role == "ours" and kit.workerpool._VERSION .. ", " or "", _VERSION, "\n")
for name, case in pairs(cases) do
  local labels = {}
  for label in pairs(case[role] or {}) do labels[#labels + 1] = label end
  table.sort(labels)
  for _, label in ipairs(labels) do say(name, "\t", label, "\n") end
end
say("\n")
io.stdout:flush()

local function number_or_text(text) return math.tointeger(tonumber(text)) or tonumber(text) or text end

local function answer(line)
  local case, label, count, rest = line:match("^([^\t]*)\t([^\t]*)\t(%d+)(.*)$")
  local values = {}
  for key, value in rest:gmatch("\t([^\t=]*)=([^\t]*)") do values[key] = number_or_text(value) end
  collectgarbage()
  local seconds, extras = cases[case][role][label](math.tointeger(count), values)
  local words = { ("%.9g"):format(seconds) }
  for key, value in pairs(extras or {}) do words[#words + 1] = key .. "=" .. tostring(value) end
  return table.concat(words, "\t")
end

for line in io.lines() do
  local ok, text = xpcall(answer, function(err) return tostring(err) end, line)
  say(ok and text or "!" .. text:gsub("%s*\n.*", ""), "\n")
  io.stdout:flush()
end
