-- The text of a progress bar: a pure function from numbers to one line.
--
--   crunch:  42%|████▎     | 42/100 [00:01<00:01, 39.8task/s, 3 failed]
--   42task [00:01, 39.8task/s]                        while no total is known
--
-- Widths are counted in columns of a terminal, not in bytes. What goes to
-- the screen, and when, is for progress.lua to decide.

local floor, max, min = math.floor, math.max, math.min
local format, rep = string.format, string.rep
local concat = table.concat

local DEFAULT_BAR = 10 -- columns of the bar when the width is not known

-- Characters from empty to full.
local BLOCKS = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" }
local ASCII = { " ", "1", "2", "3", "4", "5", "6", "7", "8", "9", "#" }
local THIN = { " ", "╸", "━" }

-- Widths -------------------------------------------------------------------------

-- Characters that take no column or two: marks and joiners, and the scripts
-- and pictures of East Asia. First and last code point.
local NARROW = { { 0x300, 0x36F }, { 0x200B, 0x200F }, { 0x20D0, 0x20FF }, { 0xFE00, 0xFE0F } }
local WIDE = {
  { 0x1100, 0x115F }, { 0x2E80, 0x303E }, { 0x3041, 0xA4CF }, { 0xAC00, 0xD7A3 },
  { 0xF900, 0xFAFF }, { 0xFE30, 0xFE6F }, { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 },
  { 0x1F300, 0x1F64F }, { 0x1F900, 0x1F9FF }, { 0x20000, 0x3FFFD },
}

local function among(code, list)
  for _, ends in ipairs(list) do
    if code >= ends[1] and code <= ends[2] then return true end
  end
  return false
end

local function columns_of(code)
  if code < 0x300 then return 1 end
  return among(code, NARROW) and 0 or among(code, WIDE) and 2 or 1
end

-- The characters of a text with their widths; a byte that is not UTF-8
-- counts as one character, drawn as "?".
local function characters(text)
  local at = 1
  return function()
    if at > #text then return nil end
    local stop = utf8.len(text, at, at) and utf8.offset(text, 2, at)
    local char = stop and text:sub(at, stop - 1)
    at = stop or at + 1
    if not char then return "?", 1 end
    return char, columns_of(utf8.codepoint(char))
  end
end

--- How many columns a text takes; the escape codes of colours take none.
---@param text string
---@return integer
local function width(text)
  local sum = 0
  text = text:gsub("\27%[[%d;]*m", "")
  for _, columns in characters(text) do sum = sum + columns end
  return sum
end

--- The beginning of a text that fits into so many columns.
---@param text string
---@param columns integer
---@return string
local function cut(text, columns)
  local out, sum = {}, 0
  for char, wide in characters(text) do
    if sum + wide > columns then break end
    out[#out + 1], sum = char, sum + wide
  end
  return concat(out)
end

-- Line ends, escape codes and broken characters would tear the line.
local function one_line(text)
  text = tostring(text):gsub("[\0-\31\127]", " ")
  return utf8.len(text) and text or cut(text, math.huge)
end

-- Colours ------------------------------------------------------------------------

local COLOURS = {
  black = 30, red = 31, green = 32, yellow = 33,
  blue = 34, magenta = 35, cyan = 36, white = 37,
}

--- The escape code of a colour: one of the eight names, or "#rrggbb"; nil
--- for anything else.
---@param colour string
---@return string?
local function colour_code(colour)
  local number = COLOURS[colour:lower()]
  if number then return format("\27[%dm", number) end
  local r, g, b = colour:match("^#(%x%x)(%x%x)(%x%x)$")
  if not r then return nil end
  return format("\27[38;2;%d;%d;%dm", tonumber(r, 16), tonumber(g, 16), tonumber(b, 16))
end

-- Parts --------------------------------------------------------------------------

--- Seconds as 01:05, or 1:01:05 from an hour on; "?" when unknown.
---@param seconds number?
---@return string
local function clock(seconds)
  if not seconds or seconds ~= seconds or seconds >= 2 ^ 53 then return "?" end
  local s = max(0, floor(seconds))
  local minutes = s // 60
  if minutes < 60 then return format("%02d:%02d", minutes, s % 60) end
  return format("%d:%02d:%02d", minutes // 60, minutes % 60, s % 60)
end

local function three_digits(x)
  return format(x >= 99.95 and "%.0f" or x >= 9.995 and "%.1f" or "%.2f", x)
end

-- Below one a second, seconds for one tell more.
local function rate_text(rate, unit)
  if not rate or rate <= 0 or rate ~= rate or rate == math.huge then
    return format("?%s/s", unit)
  elseif rate < 1 then
    return format("%ss/%s", three_digits(1 / rate), unit)
  end
  return format("%s%s/s", three_digits(rate), unit)
end

local function glyphs_of(options)
  local ascii = options.ascii
  if type(ascii) == "string" then
    local list = {}
    for char in characters(ascii) do list[#list + 1] = char end
    return #list >= 2 and list or ASCII
  end
  return ascii and ASCII or options.style == "rich" and THIN or BLOCKS
end

--- A bar of so many columns, filled to a fraction from 0 to 1.
---@param fraction number
---@param columns integer
---@param glyphs string[] from empty to full
---@return string
local function bar(fraction, columns, glyphs)
  local steps = #glyphs - 1
  local filled = floor(min(1, max(0, fraction)) * columns * steps)
  local full, part = filled // steps, filled % steps
  local text = rep(glyphs[#glyphs], full)
  if full < columns then
    text = text .. glyphs[part + 1] .. rep(glyphs[1], columns - full - 1)
  end
  return text
end

-- "00:01<00:02, 39.8task/s, 3 failed" in brackets, and why it ended early.
local function figures(p, unit, known)
  local times = clock(p.elapsed or 0)
  if known and not p.stopped then times = times .. "<" .. clock(p.eta) end
  local parts = { times, rate_text(p.rate, unit) }
  if p.failed and p.failed > 0 then parts[3] = format("%d failed", p.failed) end
  local text = "[" .. concat(parts, ", ") .. "]"
  return p.stopped and format("%s stopped: %s", text, one_line(p.stopped)) or text
end

-- A total that was passed was wrong, and one of 0 says nothing.
local function total_known(p)
  return p.total and p.total > 0 and p.done <= p.total
end

local function cut_to(text, columns)
  return columns and cut(text, columns) or text
end

local function coloured(text, options)
  local code = options.colour and colour_code(options.colour)
  return code and code .. text .. "\27[0m" or text
end

-- The bar takes what the rest leaves; too narrow a line loses its end.
local function with_bar(left, right, fraction, options, columns)
  local glyphs = glyphs_of(options)
  local room = DEFAULT_BAR
  if columns then room = columns - width(left) - width(right) - 2 end
  if room < 1 then
    return cut(left .. "|" .. bar(fraction, 1, glyphs) .. "|" .. right, columns)
  end
  return left .. "|" .. coloured(bar(fraction, room, glyphs), options) .. "|" .. right
end

--- One line of progress. `p` has done, total (nil while unknown), failed,
--- elapsed, rate and eta, and `stopped`: the reason, when the work ended
--- early. `options` are those of progress_bar_options; ncols = 0 leaves the
--- bar itself out.
---@param p table
---@param options? table
---@param columns? integer width of the line; no bound unless given
---@return string
local function render(p, options, columns)
  options = options or {}
  local unit = one_line(options.unit or "task")
  local left = options.desc and options.desc ~= "" and one_line(options.desc) .. ": " or ""
  local known = total_known(p)
  local right = figures(p, unit, known)
  if options.ncols and options.ncols > 0 then columns = options.ncols end
  if not known then
    return cut_to(format("%s%d%s %s", left, p.done, unit, right), columns)
  end
  left = format("%s%3d%%", left, floor(100 * p.done / p.total))
  right = format(" %d/%d %s", p.done, p.total, right)
  if options.ncols == 0 then return cut_to(left .. right, columns) end
  return with_bar(left, right, p.done / p.total, options, columns)
end

return {
  render = render,
  bar = bar,
  clock = clock,
  colour_code = colour_code,
  cut = cut,
  width = width,
}
