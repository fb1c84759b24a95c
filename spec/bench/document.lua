-- Writes what the manual says of a run: the tables between the marks of
-- docs/benchmarks.md, and the pictures.
--
--   lua5.4 spec/bench/document.lua [--check] [FILE.json]
--
-- FILE.json, if given, becomes docs/benchmarks.json; everything is made from
-- that file. With --check nothing is written: exit status 1 when it is out of step.

local folder = arg[0]:match("^(.*)/") or "."
package.path = folder .. "/?.lua;" .. package.path

local figures = require "figures"
local plot = require "plot"
local results = require "results"
local tables = require "tables"

local PAGE, DATA, IMAGES = "docs/benchmarks.md", "docs/benchmarks.json", "docs/images/"

-- ---- pictures --------------------------------------------------------------------------

local function speedup_bars(run)
  local groups = {}
  for _, name in ipairs(tables.WORKLOADS) do
    local case = plot.case_of(run, name)
    local group = { title = case and case.title, bars = {} }
    for _, result in ipairs(case and plot.row_of(case).contenders or {}) do
      if result.speedup then
        group.bars[#group.bars + 1] = { name = result.name, value = result.speedup,
          text = ("%.2f × · %s · %.0f MB"):format(result.speedup, figures.seconds(result.median),
            result.extras.private) }
      end
    end
    if #group.bars > 0 then groups[#groups + 1] = group end
  end
  return plot.bars("MPIRE's three workloads, 2 workers",
    "Speed-up over the same language's serial run (dashed: 2 ×), time, and private memory a worker.",
    groups, 2)
end

local function uneven_bars(run)
  local groups = {}
  for _, row in ipairs((plot.case_of(run, "uneven") or { rows = {} }).rows) do
    local bare, group = plot.contender(row, "two bare processes"), { title = row.label, bars = {} }
    for _, result in ipairs(row.contenders) do
      if bare and result.median and result ~= bare then
        local value = bare.ratio.median / result.ratio.median
        group.bars[#group.bars + 1] = { name = result.name, value = value, text = ("%.0f %%"):format(100 * value) }
      end
    end
    if #group.bars > 0 then groups[#groups + 1] = group end
  end
  return plot.bars("CPU-bound tasks on 2 workers",
    "Dashed: two processes without a pool, each with half of the work. Tasks burn CPU time: the same for all.",
    groups, 1)
end

local function pictures(run)
  local list = {
    overview = plot.overview(run, tables.HEADLINES),
    codec = plot.codec(plot.case_of(run, "codec")),
    workloads = speedup_bars(run),
    uneven = uneven_bars(run),
  }
  for _, case in ipairs(run.cases) do
    if case.plot then list[case.name] = plot.growth(case) end
  end
  return list
end

-- ---- files -------------------------------------------------------------------------------

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read("a")
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
end

-- The page with all sections between "<!-- bench: NAME -->" and "<!-- end -->" made anew.
local function page_of(run, text)
  return (text:gsub("(<!%-%- bench: (%w+) %-%->\n).-(<!%-%- end %-%->)", function(head, name, foot)
    local section = assert(tables.sections[name], PAGE .. ": no section " .. name)
    return head .. section(run) .. "\n" .. foot
  end))
end

local function main(words)
  local is_check = words[1] == "--check"
  local given = words[is_check and 2 or 1]
  local run = results.read(given or DATA)
  local files = { [PAGE] = page_of(run, assert(read(PAGE))) }
  for name, text in pairs(pictures(run)) do files[IMAGES .. name .. ".svg"] = text end
  if given then files[DATA] = read(given) end
  local ok = true
  for path, text in pairs(files) do
    if read(path) ~= text then
      ok = false
      if is_check then io.stderr:write(path, " is not as `make bench-docs` writes it\n")
      else write(path, text) end
    end
  end
  return ok or not is_check
end

os.exit(main(arg), true)
