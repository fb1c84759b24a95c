--[[
Draws the Mandelbrot set into a PPM file, a picture that most viewers open.

  workerpool run examples/mandelbrot.lua [out.ppm] [width] [height]

One task is one row. Rows near the set take far longer than others, and the
pool evens that out: a worker takes the next row when it is done with the
last. imap hands the rows out in order, so they are written to the file as
they come and the picture is never whole in memory.

The last line is a checksum. It is the same for every number of workers; try
WORKERPOOL_JOBS=0, which computes everything in this process.
]]

local workerpool = require "workerpool"

local out = arg[1] or "mandelbrot.ppm"
local width = math.tointeger(tonumber(arg[2] or 960))
local height = math.tointeger(tonumber(arg[3] or 640))
if not (width and height and width > 0 and height > 0) then
  io.stderr:write("mandelbrot: width and height are numbers of pixels\n")
  os.exit(2)
end

local MOST_STEPS = 400
local ESCAPE = 64.0 -- squared radius: larger than 4 makes for smoother colours
local CENTRE_X, CENTRE_Y = -0.7, 0.0
local SCALE = math.max(3.2 / width, 2.4 / height) -- of a pixel

-- ---- colours -------------------------------------------------------------------

-- Night, blue, white, gold, brown, and back to night.
local STOPS = {
  { 0.00, 0, 7, 60 }, { 0.16, 32, 107, 203 }, { 0.42, 237, 255, 255 },
  { 0.64, 255, 170, 0 }, { 0.86, 60, 16, 10 }, { 1.00, 0, 7, 60 },
}
local SHADES = 1024

local function mix(a, b, t) return math.floor(a + (b - a) * t + 0.5) end

local function shade(at)
  for i = 2, #STOPS do
    local low, high = STOPS[i - 1], STOPS[i]
    if at <= high[1] then
      local t = (at - low[1]) / (high[1] - low[1])
      return string.char(mix(low[2], high[2], t), mix(low[3], high[3], t),
        mix(low[4], high[4], t))
    end
  end
end

-- Made once, here. Workers are forked from this process and so have it too.
local palette = {}
for i = 0, SHADES - 1 do palette[i] = shade(i / (SHADES - 1)) end
local INSIDE = "\0\0\0"

-- How far out a point flees, not in whole steps: there are no bands. The
-- logarithm brings the crowd of colours at the edge of the set apart.
local function colour(steps, squared)
  local smooth = steps + 1 - math.log(math.log(squared) / 2, 2)
  local at = 0.36 * math.log(math.max(smooth, 1)) - 0.16
  return palette[math.floor(at % 1 * SHADES)]
end

-- ---- the work --------------------------------------------------------------------

-- The two largest parts of the set, where all steps would be in vain.
local function is_well_inside(x, y)
  local p = (x - 0.25) ^ 2 + y * y
  return p * (p + x - 0.25) <= 0.25 * y * y or (x + 1) ^ 2 + y * y <= 0.0625
end

local function pixel(cx, cy)
  if is_well_inside(cx, cy) then return INSIDE end
  local x, y, xx, yy = 0.0, 0.0, 0.0, 0.0
  for step = 1, MOST_STEPS do
    x, y = xx - yy + cx, 2 * x * y + cy
    xx, yy = x * x, y * y
    if xx + yy > ESCAPE then return colour(step, xx + yy) end
  end
  return INSIDE
end

-- Runs in a worker: the bytes of a row.
local function row(j)
  local pixels = {}
  local cy = CENTRE_Y + (height / 2 - j + 0.5) * SCALE
  for i = 1, width do
    pixels[i] = pixel(CENTRE_X + (i - 0.5 - width / 2) * SCALE, cy)
  end
  return table.concat(pixels)
end

local function sum_of(bytes)
  local sum = 0
  for i = 1, #bytes do sum = sum + bytes:byte(i) end
  return sum
end

-- ---- the picture -----------------------------------------------------------------

local file <close> = assert(io.open(out, "wb"))
assert(file:write(("P6\n%d %d\n255\n"):format(width, height)))

local checksum = 0
do
  local pool <close> = workerpool.WorkerPool()
  for _, bytes in pool:imap(row, workerpool.range(height)) do
    assert(file:write(bytes))
    checksum = (checksum + sum_of(bytes)) % 2 ^ 32
  end
end
assert(file:close()) -- the last rows may still be in its buffer
print(("%s: %d x %d pixels"):format(out, width, height))
print(("checksum %d"):format(checksum))
