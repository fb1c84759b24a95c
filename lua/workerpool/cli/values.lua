-- What the values of command-line options may be: functions that turn a text
-- into a value, or give nil and what was wanted.

local options = require "workerpool.options"

local values = {}

local MOST_JOBS
for _, option in ipairs(options.describe("constructor")) do
  if option.name == "n_jobs" then MOST_JOBS = option.max end
end

local JOBS = ("a number of jobs from 0 to %d, or a share of the CPUs such as 50%%")
  :format(MOST_JOBS)

--- A number of workers: "4", or "50%" of the CPUs, which is at least one.
---@param text string
---@param cpus integer
---@return integer? n
---@return string? wanted
function values.jobs(text, cpus)
  local digits, percent = text:match("^(%d+)(%%?)$")
  local n = math.tointeger(tonumber(digits))
  if n and percent == "%" then
    n = n > 0 and math.max(1, math.floor(cpus * n / 100 + 0.5)) or nil
  end
  if n and n <= MOST_JOBS then return n end
  return nil, JOBS
end

function values.integer(text)
  local n = text:find("^[+-]?%d+$") and math.tointeger(tonumber(text))
  if n then return n end
  return nil, "an integer"
end

function values.count(text)
  local n = text:find("^%d+$") and math.tointeger(tonumber(text))
  if n then return n end
  return nil, "an integer of at least 0"
end

--- Seconds: decimal, for "0x10" is more likely a slip than sixteen.
function values.seconds(text)
  local n = text:find("^[%d.]+$") and tonumber(text)
  if n and n > 0 and n < math.huge then return n end
  return nil, "a number of seconds above 0"
end

function values.file(text)
  if text ~= "" then return text end
  return nil, "the name of a file"
end

return values
