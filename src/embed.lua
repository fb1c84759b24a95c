--[[
Writes the files of the Lua side as a C table; see embedded.h.

  lua5.4 src/embed.lua ROOT OUTPUT FILE...

Names are the files' paths below ROOT, for Lua sources as `require` has them.
]]

local root, output = arg[1], arg[2]

local function name_of(path)
  local below = path:sub(#root + 2)
  local module = below:match("^(.*)%.lua$")
  if not module then return below end
  return (module:gsub("/init$", ""):gsub("/", "."))
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return assert(file:read("a"))
end

-- Bytes as numbers: a string literal over 4095 bytes is more than a C11
-- compiler must take, and -Wpedantic says so.
local function as_bytes(source)
  local lines = {}
  for at = 1, #source, 20 do
    local line = source:sub(at, at + 19)
    lines[#lines + 1] = (line:gsub(".", function(c)
      local byte = c:byte()
      return (byte < 128 and byte or byte - 256) .. ","
    end))
  end
  lines[#lines + 1] = "0"
  return table.concat(lines, "\n")
end

local entries = {}
for i = 3, #arg do
  entries[#entries + 1] = { name = name_of(arg[i]), source = read(arg[i]) }
end
table.sort(entries, function(a, b) return a.name < b.name end)

local out = { '/* Made by src/embed.lua. */\n#include "embedded.h"\n' }
for i, e in ipairs(entries) do
  out[#out + 1] = ("static const char source_%d[] = {\n%s};\n"):format(
    i, as_bytes(e.source))
end
out[#out + 1] = "const struct wp_embedded wp_embedded[] = {"
for i, e in ipairs(entries) do
  out[#out + 1] = ("  {%q, source_%d, %d},"):format(e.name, i, #e.source)
end
out[#out + 1] = "  {NULL, NULL, 0}};\n"

local file <close> = assert(io.open(output, "wb"))
assert(file:write(table.concat(out, "\n")))
