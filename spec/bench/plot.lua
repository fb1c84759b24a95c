-- Pictures of a run. Pure: each function takes the run and gives an SVG text, or
-- nil when the run lacks what is to be drawn.

local figures = require "figures"
local styles = require "styles"
local svg = require "svg"

local plot = {}

local function case_of(run, name)
  for _, case in ipairs(run.cases) do if case.name == name then return case end end
end

local function row_of(case, label)
  for _, row in ipairs(case and case.rows or {}) do
    if not label or row.label == label then return row end
  end
end

local function contender(row, name)
  for _, result in ipairs(row.contenders) do
    if result.name == name and result.median then return result end
  end
end

plot.case_of, plot.row_of, plot.contender = case_of, row_of, contender

-- Names with marks in rows; the y below them.
local function legend(sheet, names, y)
  local x = 24
  for _, name in ipairs(names) do
    local style = styles.of(name)
    local width = 32 + 6.2 * #name
    if x + width > sheet.width - 16 then x, y = 24, y + 20 end
    sheet:mark(x + 6, y - 4, style)
    sheet:text(x + 17, y, name, { fill = svg.SOFT })
    x = x + width
  end
  return y + 14
end

local function add_new(list, seen, name)
  if not seen[name] then
    seen[name] = true
    list[#list + 1] = name
  end
end

-- ---- all cases beside each other -------------------------------------------------

-- headlines: { case, row, text, limit } as document.lua has them.
local function gather(run, headlines)
  local rows, names, seen, values = {}, {}, {}, { 1 }
  for _, headline in ipairs(headlines) do
    local row = row_of(case_of(run, headline.case), headline.row)
    local ours = row and contender(row, "workerpool")
    if ours then
      local marks = {}
      for _, result in ipairs(row.contenders) do
        local style = styles.of(result.name)
        local counts = style.name == result.name and (not style.hollow or result.name == headline.limit)
        if result.ratio and counts then
          marks[#marks + 1] = { ratio = result.ratio.median, style = style }
          values[#values + 1] = result.ratio.median
          if not style.hollow then add_new(names, seen, result.name) end
        end
      end
      rows[#rows + 1] = { text = headline.text, marks = marks, ours = ours.median }
    end
  end
  return rows, names, values
end

-- In the order of styles.lua.
local function in_order(names)
  local have, list = {}, {}
  for _, name in ipairs(names) do have[name] = true end
  for _, style in ipairs(styles) do
    if have[style.name] then list[#list + 1] = style.name end
  end
  return list
end

local function ratio_axis(sheet, scale, top, bottom)
  for _, tick in ipairs(scale.ticks) do
    local x = scale.at(tick)
    sheet:line(x, top, x, bottom, tick == 1 and "#0b57d0" or svg.GRID, tick == 1 and 1.5 or 1)
    sheet:text(x, bottom + 18, ("%g ×"):format(tick), { anchor = "middle", fill = svg.SOFT })
  end
end

function plot.overview(run, headlines)
  local rows, names, values = gather(run, headlines)
  if #rows == 0 then return nil end
  local step, left = 34, 330
  local sheet = svg.sheet(960, 0, "How many times workerpool's time the others take",
    "One run by turns; to the right of the blue line is slower. Diamonds: what the machine does without a pool.")
  local list = in_order(names)
  list[#list + 1] = "the machine's limit"
  local top = legend(sheet, list, 82) + 6
  local least, most = svg.bounds(values, 1.6)
  local scale = svg.log_scale(least, most, left + 10, sheet.width - 40)
  sheet.height = top + step * #rows + 44
  ratio_axis(sheet, scale, top, top + step * #rows)
  for i, row in ipairs(rows) do
    local y = top + step * (i - 0.5)
    sheet:text(24, y - 1, row.text, { size = 13 })
    sheet:text(24, y + 13, figures.seconds(row.ours), { size = 11, fill = svg.SOFT })
    sheet:line(left, y, sheet.width - 30, y, svg.GRID)
    table.sort(row.marks, function(a, b)
      if a.ratio ~= b.ratio then return a.ratio > b.ratio end
      return a.style.name < b.style.name
    end)
    for _, mark in ipairs(row.marks) do sheet:mark(scale.at(mark.ratio), y, mark.style, 6) end
  end
  return sheet:tostring()
end

-- ---- growth ------------------------------------------------------------------------

local function series_of(case)
  local series, order, xs, ys = {}, {}, {}, {}
  for _, row in ipairs(case.rows) do
    local x = row.values[case.plot.key]
    xs[#xs + 1] = x
    for _, result in ipairs(row.contenders) do
      if result.median then
        if not series[result.name] then
          series[result.name] = {}
          order[#order + 1] = result.name
        end
        local y = result.median / (case.plot.per and x or 1)
        table.insert(series[result.name], { x, y })
        ys[#ys + 1] = y
      end
    end
  end
  return series, order, xs, ys
end

function plot.growth(case)
  if not case then return nil end
  local series, order, xs, ys = series_of(case)
  if #xs < 2 or #ys == 0 then return nil end
  local sheet = svg.sheet(720, 400, case.title:sub(1, 1):upper() .. case.title:sub(2),
    ("Time for a %s; both axes logarithmic."):format(case.plot.per or case.unit))
  local top = legend(sheet, order, 80) + 8
  local left, right, bottom = 84, sheet.width - 28, sheet.height - 52
  local x_scale = svg.log_scale(math.min(table.unpack(xs)), math.max(table.unpack(xs)), left, right)
  local least, most = svg.bounds(ys)
  local y_scale = svg.log_scale(least, most, bottom, top)
  for _, tick in ipairs(y_scale.ticks) do
    local y = y_scale.at(tick)
    sheet:line(left, y, right, y, svg.GRID)
    sheet:text(left - 8, y + 4, figures.seconds(tick), { anchor = "end", fill = svg.SOFT })
  end
  for _, x in ipairs(xs) do
    sheet:line(x_scale.at(x), bottom, x_scale.at(x), bottom + 5, svg.SOFT)
    sheet:text(x_scale.at(x), bottom + 20, figures.count(x), { anchor = "middle", fill = svg.SOFT })
  end
  sheet:line(left, bottom, right, bottom, svg.SOFT)
  sheet:text((left + right) / 2, sheet.height - 12, case.plot.axis, { anchor = "middle", fill = svg.SOFT })
  for i = #order, 1, -1 do -- ours, the first, lies on top
    local points, style = {}, styles.of(order[i])
    for k, p in ipairs(series[order[i]]) do points[k] = { x_scale.at(p[1]), y_scale.at(p[2]) } end
    sheet:path(points, style)
    for _, p in ipairs(points) do sheet:mark(p[1], p[2], style, i == 1 and 4.5 or 3.5) end
  end
  return sheet:tostring()
end

-- ---- bars --------------------------------------------------------------------------

-- groups: { title, bars = { { name, value, text } } }; ideal: where a line stands.
function plot.bars(title, subtitle, groups, ideal)
  local step, left, count = 22, 270, 0
  for _, group in ipairs(groups) do count = count + #group.bars + 2 end
  if count == 0 then return nil end
  local sheet = svg.sheet(860, 84 + step * count, title, subtitle)
  local width = sheet.width - left - 210
  local most = ideal
  for _, group in ipairs(groups) do
    for _, bar in ipairs(group.bars) do most = math.max(most, bar.value) end
  end
  local y = 84
  for _, group in ipairs(groups) do
    sheet:text(24, y + 6, group.title, { size = 13, weight = 600 })
    y = y + step - 4
    local x = left + ideal / most * width
    sheet:line(x, y, x, y + step * #group.bars, svg.INK, 1.2, "4 3")
    for _, bar in ipairs(group.bars) do
      local style = styles.of(bar.name)
      sheet:text(left - 10, y + 14, bar.name, { anchor = "end", size = 12 })
      sheet:rect(left, y + 3, math.max(1, bar.value / most * width), step - 6, style.colour)
      sheet:text(left + bar.value / most * width + 8, y + 14, bar.text,
        { size = 12, fill = svg.SOFT, halo = true })
      y = y + step
    end
    y = y + step + 2
  end
  return sheet:tostring()
end

-- ---- the codec -----------------------------------------------------------------------

function plot.codec(case)
  local documents, order, values = {}, {}, { 1 }
  for _, row in ipairs(case and case.rows or {}) do
    local theirs = contender(row, "lua-cjson")
    local name, way = row.values.document, row.values.way
    if theirs then
      if not documents[name] then
        documents[name] = {}
        order[#order + 1] = name
      end
      documents[name][way] = theirs.ratio.median
      values[#values + 1] = theirs.ratio.median
    end
  end
  if #order == 0 then return nil end
  local step, left, top = 19, 260, 92
  local sheet = svg.sheet(860, top + step * #order + 44, "The codec beside lua-cjson, by documents",
    "How many times as long lua-cjson takes; right of the blue line workerpool is faster.")
  local least, most = svg.bounds(values)
  local scale = svg.log_scale(math.min(least, 0.5), math.max(most, 10), left + 10, sheet.width - 40)
  local ways = { { "encode", "#0b57d0" }, { "decode", "#e8710a" } }
  for i, way in ipairs(ways) do
    sheet:mark(30 + 90 * (i - 1), 74, { colour = way[2] })
    sheet:text(41 + 90 * (i - 1), 78, way[1], { fill = svg.SOFT })
  end
  ratio_axis(sheet, scale, top, top + step * #order)
  for i, name in ipairs(order) do
    local y = top + step * (i - 0.5)
    sheet:text(left - 10, y + 4, name, { anchor = "end", size = 12 })
    sheet:line(left, y, sheet.width - 30, y, svg.GRID)
    for _, way in ipairs(ways) do
      local ratio = documents[name][way[1]]
      if ratio then sheet:mark(scale.at(ratio), y, { colour = way[2] }) end
    end
  end
  return sheet:tostring()
end

return plot
