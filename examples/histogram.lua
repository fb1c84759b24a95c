--[[
A histogram in shared memory: how often each byte is in the files of a folder.

  workerpool run examples/histogram.lua [folder]

Every worker counts into a plain table and adds it once per file to an Array
that all share: an atomic addition costs more than one to a table, and one per
byte would make the workers wait for each other.
]]

local workerpool = require "workerpool"

local folder = ... or "/usr/share/common-licenses"
local WIDTH = 50

local function files_under(path)
  local list = {}
  local quoted = "'" .. path:gsub("'", "'\\''") .. "'"
  local pipe <close> = assert(io.popen("find " .. quoted .. " -type f -readable -print0"))
  for name in pipe:read("a"):gmatch("[^\0]+") do list[#list + 1] = name end
  return list
end

-- Runs in a worker; the counts are at byte + 1.
local function count_bytes(counts, path)
  local file <close> = assert(io.open(path, "rb"))
  local mine = {}
  for byte in file:read("a"):gmatch(".") do mine[byte] = (mine[byte] or 0) + 1 end
  for byte, n in pairs(mine) do counts:add(byte:byte() + 1, n) end
end

local files = files_under(folder)
if #files == 0 then
  io.stderr:write("histogram: no readable files under ", folder, "\n")
  os.exit(1)
end

local counts = workerpool.Array("q", 256, { lock = false })
workerpool.with({ shared_objects = counts }, function(pool)
  pool:map_unordered(count_bytes, files)
end)

local total, most = counts:sum(), 0
for _, n in counts:each() do most = math.max(most, n) end
for byte = 0, 255 do
  local n = counts[byte + 1]
  if n > most / WIDTH then
    local name = byte > 32 and byte < 127 and string.char(byte) or ("%02x"):format(byte)
    print(("%3s %9d  %s"):format(name, n, ("#"):rep(n * WIDTH // most)))
  end
end
print(("%d files, %d bytes"):format(#files, total))
