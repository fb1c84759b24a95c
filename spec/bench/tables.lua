-- The tables of docs/benchmarks.md, in Markdown, from a run. Pure.

local figures = require "figures"
local plot = require "plot"

local tables = {}

-- What stands in the first table and in the first picture: a row of a case, and
-- which of the bare ways is its limit.
tables.HEADLINES = {
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

tables.WORKLOADS = { "numerical", "stateful", "initialization" }

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
  for _, headline in ipairs(tables.HEADLINES) do
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
  for _, headline in ipairs(tables.HEADLINES) do
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

-- A case of many rows, such as the codec's documents: a line for each aim, with
-- its worst row.
local MANY = 8

local function worst_of(verdicts)
  local by_text, order = {}, {}
  for _, verdict in ipairs(verdicts) do
    local sum = by_text[verdict.text]
    if not sum then
      sum = { text = verdict.text, at_least = verdict.at_least, reached = true, n = 0, good = 0 }
      by_text[verdict.text] = sum
      order[#order + 1] = sum
    end
    if verdict.ratio then
      sum.n, sum.good = sum.n + 1, sum.good + (verdict.reached and 1 or 0)
      sum.reached = sum.reached and verdict.reached
      if not sum.ratio or verdict.ratio < sum.ratio then sum.ratio, sum.row = verdict.ratio, verdict.row end
    end
  end
  for _, sum in ipairs(order) do
    if sum.row then sum.row = ("%d of %d; worst: %s"):format(sum.good, sum.n, sum.row) end
  end
  return order
end

local function target_table(run)
  local rows = {}
  for _, case in ipairs(run.cases) do
    local verdicts = case.targets or {}
    if #verdicts > MANY then verdicts = worst_of(verdicts) end
    for _, verdict in ipairs(verdicts) do
      if verdict.ratio then
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
  for _, name in ipairs(tables.WORKLOADS) do
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
    for _, workload in ipairs(tables.WORKLOADS) do
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

-- The load for each CPU above which a run is said not to have been alone.
local BUSY = 0.5

local function machine_text(run)
  local m, versions = run.machine, {}
  for _, version in pairs(run.versions) do versions[version] = true end
  local list = {}
  for version in pairs(versions) do list[#list + 1] = version end
  table.sort(list)
  local load = run.settings.load
  return ("One run of %s, %d rounds of about %g s by turns, on %s with %d CPUs (%s, %s)%s.\n%s."):format(
    run.date, run.settings.rounds, run.settings.seconds, m.model, m.cpus,
    m.system:match("^%S+ %d+%.%d+") or m.system, m.distribution,
    load and load > BUSY * m.cpus and (", which other work loaded by %.1f"):format(load) or "",
    table.concat(list, "; "))
end

-- By the names that the page has between its marks: functions of a run.
tables.sections = {
  machine = machine_text, headlines = headline_table, targets = target_table,
  workloads = workload_table, uneven = uneven_table, lines = lines_table,
}

return tables
