-- Inputs of a fuzzer as one file of text, a line of hexadecimal digits for
-- each: hundreds of inputs of twenty bytes are no files for a repository.
--   lua5.4 spec/fuzz/inputs.lua pack FOLDER FILE
--   lua5.4 spec/fuzz/inputs.lua unpack FILE FOLDER

local function pack(folder, path)
  local lines = {}
  for name in assert(io.popen("ls '" .. folder .. "'")):lines() do
    local file <close> = assert(io.open(folder .. "/" .. name, "rb"))
    lines[#lines + 1] = file:read("a"):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  end
  table.sort(lines)
  local out <close> = assert(io.open(path, "w"))
  out:write(table.concat(lines, "\n"), "\n")
end

local function unpack(path, folder)
  local n = 0
  for line in io.lines(path) do
    n = n + 1
    local file <close> = assert(io.open(("%s/%04d"):format(folder, n), "wb"))
    file:write((line:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end)))
  end
end

local what, from, to = table.unpack(arg)
assert(({ pack = pack, unpack = unpack })[what], "pack or unpack")(from, to)
