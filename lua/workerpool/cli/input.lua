-- Tasks from a file, one by one: lines, or records that end in a zero byte.
-- No more is read than is asked for, but for one block of the latter.

local BLOCK = 16384

local function check(text, message)
  if message then error("cannot read the tasks: " .. message, 0) end
  return text
end

--- An iterator over the lines of a file. The last one needs no line feed.
---@param file file*
local function lines(file)
  local read = file.read
  return function()
    local line, message = read(file, "l")
    return line or check(line, message)
  end
end

--- An iterator over what stands between zero bytes.
---@param file file*
local function records(file)
  local parts = {} -- of a record that is not complete
  local block, at = "", 1
  local function complete()
    local record = table.concat(parts)
    parts = {}
    return record
  end
  return function()
    while block do
      local zero = block:find("\0", at, true)
      parts[#parts + 1] = block:sub(at, zero and zero - 1)
      if zero then
        at = zero + 1
        return complete()
      end
      block, at = check(file:read(BLOCK)), 1
    end
    local last = complete()
    return last ~= "" and last or nil
  end
end

return { lines = lines, records = records }
