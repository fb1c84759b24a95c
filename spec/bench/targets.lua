-- Which aims a run has reached. Pure.
--
-- A case's target: { text, against = NAME or list of names of which the best
-- counts, at_least = how many times ours goes into theirs, rows = labels }. Where
-- `of` is given, of(row, rows) gives the figure that has to be at least so much.

local targets = {}

local function in_list(list, wanted)
  for _, item in ipairs(list) do if item == wanted then return true end end
  return false
end

-- The least ratio of those named: that of the one hardest to beat.
local function ratio_against(row, names)
  local least
  for _, result in ipairs(row.contenders) do
    if in_list(names, result.name) and result.ratio then
      least = math.min(least or math.huge, result.ratio.median)
    end
  end
  return least
end

function targets.judge(case, rows)
  local verdicts = {}
  for _, target in ipairs(case.targets or {}) do
    local names = type(target.against) == "table" and target.against or { target.against }
    for _, row in ipairs(rows) do
      if not target.rows or in_list(target.rows, row.label) then
        local ratio = target.of and target.of(row, rows) or not target.of and ratio_against(row, names) or nil
        local reached
        if ratio then reached = ratio >= target.at_least end
        verdicts[#verdicts + 1] = { text = target.text, row = row.label, ratio = ratio,
          at_least = target.at_least, reached = reached }
      end
    end
  end
  return verdicts
end

return targets
