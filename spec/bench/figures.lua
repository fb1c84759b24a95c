-- Figures as people read them. Pure.

local figures = {}

local function scaled(value, steps)
  for _, step in ipairs(steps) do
    if value >= step[1] then
      local x = value / step[1]
      local text = x >= 99.5 and ("%.0f"):format(x) or x >= 9.95 and ("%.1f"):format(x)
        or ("%.2f"):format(x)
      return (text:find("%.") and text:gsub("%.?0+$", "") or text) .. step[2]
    end
  end
end

local TIMES = { { 1, " s" }, { 1e-3, " ms" }, { 1e-6, " µs" }, { 1e-9, " ns" }, { 1e-12, " ps" },
  { 0, " s" } }
local COUNTS = { { 1e6, " M" }, { 1e3, " k" }, { 0, "" } }

function figures.seconds(value) return value == 0 and "0 s" or scaled(value, TIMES) end

function figures.count(value)
  for i = 1, 2 do
    if value >= COUNTS[i][1] then return ("%g%s"):format(value / COUNTS[i][1], COUNTS[i][2]) end
  end
  return ("%g"):format(value)
end

-- "12 x": two digits that count.
function figures.ratio(r)
  if r >= 9.95 then return ("%.0f"):format(r) end
  return r >= 0.995 and ("%.1f"):format(r) or ("%.2f"):format(r)
end

return figures
