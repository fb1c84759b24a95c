-- The --halt option: when a run of `workerpool map` is to end early.
--
--   now,fail=1     kill what runs as soon as one task has failed
--   soon,fail=20%  start nothing more once a fifth of the tasks has failed
--   never          go on whatever happens

local spelling = require "workerpool.spelling"

local WANTED = "now,fail=N, soon,fail=N, either with N%, or never"
-- One failure among two tasks is not yet "half of them fail".
local LEAST_FAILURES = 3

local function suggestion(word, known)
  local guess = spelling.nearest(word, known)
  return guess and (" (did you mean '%s'?)"):format(guess) or ""
end

local function limit(digits, percent)
  local n = math.tointeger(tonumber(digits))
  if not n or n < 1 or (percent == "%" and n > 100) then return nil end
  return { count = percent == "" and n or nil, percent = percent == "%" and n or nil }
end

--- Parses the option: a policy { when, count | percent }, false for never, or
--- nil and what was wanted.
---@param text string
local function parse(text)
  if text == "never" then return false end
  local when, what, digits, percent = text:match("^(%a+),(%a+)=(%d+)(%%?)$")
  if not when then return nil, WANTED .. suggestion(text, { "never" }) end
  if when ~= "now" and when ~= "soon" then
    return nil, WANTED .. suggestion(when, { "now", "soon" })
  end
  if what ~= "fail" then return nil, WANTED .. suggestion(what, { "fail" }) end
  local policy = limit(digits, percent)
  if not policy then return nil, WANTED end
  policy.when = when
  return policy
end

--- Is it time to halt?
---@param policy table
---@param failed integer tasks that have failed
---@param finished integer tasks that are over, those included
local function reached(policy, failed, finished)
  if policy.count then return failed >= policy.count end
  return failed >= LEAST_FAILURES and failed * 100 >= policy.percent * finished
end

return { parse = parse, reached = reached }
