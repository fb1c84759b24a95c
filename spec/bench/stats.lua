-- What is said of a list of figures. Pure.

local stats = {}

local function sorted(list)
  local copy = table.move(list, 1, #list, 1, {})
  table.sort(copy)
  return copy
end

function stats.median(list)
  local s = sorted(list)
  local n = #s
  if n == 0 then return nil end
  return n % 2 == 1 and s[n // 2 + 1] or (s[n // 2] + s[n // 2 + 1]) / 2
end

function stats.least(list) return math.min(table.unpack(list)) end
function stats.most(list) return math.max(table.unpack(list)) end

-- How far the figures lie apart, as a share of their median.
function stats.spread(list)
  return (stats.most(list) - stats.least(list)) / stats.median(list)
end

-- Round by round how many times `ours` goes into `theirs`: what slows a
-- machine down for a second slows both sides of a pair.
function stats.ratio(theirs, ours)
  local list = {}
  for i = 1, math.min(#theirs, #ours) do list[i] = theirs[i] / ours[i] end
  return { median = stats.median(list), least = stats.least(list), most = stats.most(list) }
end

return stats
