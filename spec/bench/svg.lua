-- A small writer of SVG: shapes and text on a white sheet, and logarithmic
-- axes. Pure; deterministic, so that pictures can be compared as text.

local Sheet = {}
Sheet.__index = Sheet

local svg = {}

local FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"

svg.INK, svg.SOFT, svg.GRID = "#1c2733", "#5f6b78", "#e6e9ed"

local function escape(text)
  return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

-- A tenth of a pixel is fine enough.
local function number(x) return (("%.1f"):format(x):gsub("%.0$", "")) end

-- The height may be set later, as a field.
function svg.sheet(width, height, title, subtitle)
  local self = setmetatable({ width = width, height = height, _parts = {} }, Sheet)
  self:text(24, 34, title, { size = 17, weight = 600 })
  if subtitle then self:text(24, 54, subtitle, { size = 12.5, fill = svg.SOFT }) end
  self._title = title
  return self
end

function Sheet:add(template, ...)
  local values = table.pack(...)
  for i = 1, values.n do
    if type(values[i]) == "number" then values[i] = number(values[i]) end
  end
  table.insert(self._parts, template:format(table.unpack(values, 1, values.n)))
end

-- options: size, weight, fill, anchor ("start", "middle", "end"), halo (white
-- around the letters, where they may lie on a line)
function Sheet:text(x, y, text, options)
  options = options or {}
  local halo = options.halo and ' paint-order="stroke" stroke="#ffffff" stroke-width="4"' or ""
  self:add('<text x="%s" y="%s" font-size="%s" font-weight="%s" fill="%s" text-anchor="%s"%s>%s</text>',
    x, y, options.size or 12, tostring(options.weight or 400), options.fill or svg.INK,
    options.anchor or "start", halo, escape(text))
end

function Sheet:line(x1, y1, x2, y2, colour, width, dashes)
  self:add('<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-width="%s"%s/>', x1, y1, x2, y2,
    colour, width or 1, dashes and (' stroke-dasharray="%s"'):format(dashes) or "")
end

function Sheet:rect(x, y, width, height, colour)
  self:add('<rect x="%s" y="%s" width="%s" height="%s" rx="2" fill="%s"/>', x, y, width, height, colour)
end

-- A dot; a hollow diamond for what is no pool.
function Sheet:mark(x, y, style, size)
  size = size or 5
  if style.hollow then
    local s = size + 1
    self:add('<path d="M%s %sL%s %sL%s %sL%s %sZ" fill="#ffffff" stroke="%s" stroke-width="1.6"/>',
      x, y - s, x + s, y, x, y + s, x - s, y, style.colour)
  else
    self:add('<circle cx="%s" cy="%s" r="%s" fill="%s" stroke="#ffffff" stroke-width="1"/>', x, y, size,
      style.colour)
  end
end

-- points: list of { x, y }
function Sheet:path(points, style)
  local words = {}
  for i, p in ipairs(points) do
    words[i] = ("%s%s %s"):format(i == 1 and "M" or "L", number(p[1]), number(p[2]))
  end
  self:add('<path d="%s" fill="none" stroke="%s" stroke-width="%s" stroke-linejoin="round"%s/>',
    table.concat(words), style.colour, style.width or 2,
    style.hollow and ' stroke-dasharray="5 4"' or "")
end

function Sheet:tostring()
  return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
    .. 'font-family="%s" role="img">\n<title>%s</title>\n'
    .. '<rect width="100%%" height="100%%" rx="8" fill="#ffffff"/>\n%s\n</svg>\n'):format(self.width,
    self.height, self.width, self.height, FONT, escape(self._title), table.concat(self._parts, "\n"))
end

-- ---- logarithmic scales --------------------------------------------------------

-- Maps least..most to from..to; `ticks` are the powers of ten between.
function svg.log_scale(least, most, from, to)
  local low, high = math.log(least, 10), math.log(most, 10)
  local scale = { ticks = {} }
  function scale.at(value) return from + (math.log(value, 10) - low) / (high - low) * (to - from) end
  for power = math.ceil(low - 1e-9), math.floor(high + 1e-9) do
    table.insert(scale.ticks, 10.0 ^ power)
  end
  return scale
end

-- The least and the most of all values, with a little room on both sides.
function svg.bounds(values, room)
  local least, most = math.huge, 0
  for _, value in ipairs(values) do
    if value > 0 then least, most = math.min(least, value), math.max(most, value) end
  end
  return least / (room or 1.5), most * (room or 1.5)
end

return svg
