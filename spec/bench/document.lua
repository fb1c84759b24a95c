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

local PAGE, DATA, IMAGES = "docs/benchmarks.md", "docs/benchmarks.json", "docs/images/"

-- What stands in the first table and in the first picture: a row of a case, and
-- which of the bare ways is its limit.
local HEADLINES = {
  { case = "adaptive", text = "a trivial task of a million", limit = "a plain Lua loop" },
  { case = "single", text = "a task in a message of its own", limit = "bare pipe" },
  { case = "apply", text = "one apply and its answer", limit = "bare round trip, as ours" },
  { case = "ten", text = "a map of 10 tasks, workers kept" },
  { case = "start", row = "2 workers", text = "start and stop of 2 workers", limit = "bare fork" },
  { case = "start", row = "64 workers", text = "start and stop of 64 workers", limit = "bare fork" },
  { case = "payload", row = "64 KB", text = "64 KB there and back", limit = "bare shared memory" },
  { case = "payload", row = "1 MB", text = "1 MB there and back", limit = "bare shared memory" },
  { case = "payload", row = "100 MB", text = "100 MB there and back", limit = "bare shared memory" },
  { case = "idle", row = "nothing to do", text = "CPU time of a second of waiting" },
}

local PEERS = { "multiprocessing.Pool", "ProcessPoolExecutor", "joblib", "MPIRE", "Perl MCE", "piscina",
  "npm workerpool", "luv work queue" }

local WORKLOADS = { "numerical", "stateful", "initialization" }

-- ---- tables --------------------------------------------------------------------------

local function table_text(header, rows)
  local lines = { "| " .. table.concat(header, " | ") .. " |", "|" .. (" --- |"):rep(#header) }
  for _, row in ipairs(rows) do lines[#lines + 1] = "| " .. table.concat(row, " | ") .. " |" end
  return table.concat(lines, "\n")
end

local function row_of(run, headline)
  return plot.row_of(plot.case_of(run, headline.case), headline.row)
end

-- Bold where we are the slower one.
local function ratio_cell(result)
  if not result then return "" end
  local text = figures.ratio(result.ratio.median)
  return result.ratio.median < 0.995 and "**" .. text .. "**" or text
end

-- Peers that took part in any of the headlines.
local function peers_of(run)
  local present, list = {}, {}
  for _, headline in ipairs(HEADLINES) do
    for _, result in ipairs((row_of(run, headline) or { contenders = {} }).contenders) do
      present[result.name] = true
    end
  end
  for _, name in ipairs(PEERS) do if present[name] then list[#list + 1] = name end end
  return list
end

local function headline_table(run)
  local peers, rows = peers_of(run), {}
  local header = table.move(peers, 1, #peers, 4, { "what", "workerpool", "the machine's limit" })
  for _, headline in ipairs(HEADLINES) do
    local row = row_of(run, headline)
    local ours = row and plot.contender(row, "workerpool")
    if ours then
      local limit = headline.limit and plot.contender(row, headline.limit)
      local cells = { headline.text, figures.seconds(ours.median),
        limit and ("%s: %s"):format(limit.name, ratio_cell(limit)) or "" }
      for _, name in ipairs(peers) do cells[#cells + 1] = ratio_cell(plot.contender(row, name)) end
      rows[#rows + 1] = cells
    end
  end
  return table_text(header, rows)
end

local function target_table(run)
  local rows = {}
  for _, case in ipairs(run.cases) do
    for _, verdict in ipairs(case.targets or {}) do
      if verdict.ratio and case.name ~= "codec" then
        rows[#rows + 1] = { case.name .. (verdict.row and ", " .. verdict.row or ""), verdict.text,
          figures.ratio(verdict.at_least), figures.ratio(verdict.ratio), verdict.reached and "yes" or "no" }
      end
    end
  end
  return table_text({ "case", "aim", "ratio wanted", "ratio measured", "reached" }, rows)
end

local function workload_cell(result)
  local words = { figures.seconds(result.median) }
  if result.speedup then words[#words + 1] = ("%.2f ×"):format(result.speedup) end
  if result.extras.private then words[#words + 1] = ("%.0f MB"):format(result.extras.private) end
  return table.concat(words, ", ")
end

local function workload_table(run)
  local names, seen, rows = {}, {}, {}
  for _, name in ipairs(WORKLOADS) do
    local row = plot.row_of(plot.case_of(run, name))
    for _, result in ipairs(row and row.contenders or {}) do
      if not seen[result.name] then
        seen[result.name] = true
        names[#names + 1] = result.name
      end
    end
  end
  for _, name in ipairs(names) do
    local cells = { name }
    for _, workload in ipairs(WORKLOADS) do
      local row = plot.row_of(plot.case_of(run, workload))
      local result = row and plot.contender(row, name)
      cells[#cells + 1] = result and workload_cell(result) or ""
    end
    rows[#rows + 1] = cells
  end
  return table_text({ "", "numerical", "stateful", "initialization" }, rows)
end

local function uneven_table(run)
  local case, header, rows = plot.case_of(run, "uneven"), { "" }, {}
  for i, row in ipairs(case and case.rows or {}) do
    local bare = plot.contender(row, "two bare processes")
    for _, result in ipairs(row.contenders) do
      if bare and result.median and result ~= bare then
        if i == 1 then header[#header + 1] = result.name end
        rows[i] = rows[i] or { row.label }
        table.insert(rows[i], ("%.0f %%"):format(100 * bare.ratio.median / result.ratio.median))
      end
    end
  end
  return table_text(header, rows)
end

local function lines_table(run)
  local case, rows = plot.case_of(run, "lines"), {}
  for _, row in ipairs(case and case.rows or {}) do
    for _, result in ipairs(row.contenders) do
      if result.median then
        rows[#rows + 1] = { row.label, result.name, figures.seconds(result.median), ratio_cell(result) }
      end
    end
  end
  return table_text({ "", "", "a line", "workerpool's time" }, rows)
end

local function machine_text(run)
  local m, versions = run.machine, {}
  for _, version in pairs(run.versions) do versions[version] = true end
  local list = {}
  for version in pairs(versions) do list[#list + 1] = version end
  table.sort(list)
  return ("One run of %s, %d rounds by turns, on %s with %d CPUs (%s, %s).\n%s."):format(run.date,
    run.settings.rounds, m.model, m.cpus, m.system:match("^%S+ %d+%.%d+") or m.system, m.distribution,
    table.concat(list, "; "))
end

-- ---- pictures --------------------------------------------------------------------------

local function speedup_bars(run)
  local groups = {}
  for _, name in ipairs(WORKLOADS) do
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
    overview = plot.overview(run, HEADLINES),
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

local SECTIONS = {
  machine = machine_text, headlines = headline_table, targets = target_table,
  workloads = workload_table, uneven = uneven_table, lines = lines_table,
}

-- The page with all sections between "<!-- bench: NAME -->" and "<!-- end -->" made anew.
local function page_of(run, text)
  return (text:gsub("(<!%-%- bench: (%w+) %-%->\n).-(<!%-%- end %-%->)", function(head, name, foot)
    local section = assert(SECTIONS[name], PAGE .. ": no section " .. name)
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
