-- Runs the cases under cases/ with all who take part, by turns, and prints how
-- many times ours goes into theirs.
--
--   lua5.4 spec/bench/bench.lua [--case NAME[,NAME...]] [--quick] [--json FILE]
--     [--against CHECKOUT] [--peers NAME[,NAME...] | --no-peers] [--rounds N]
--     [--tiny | --full]
--
-- --case: those cases alone; a name stands for all that begin with it.
-- --quick: fewer and shorter rounds. --tiny: one, of a few units: does it run?
-- --full: MPIRE's workloads in their original sizes, which takes hours.
-- --peers: of the other pools only those, with names as printed.
-- --against: the same of another built checkout, as one more contender.
-- The exit status is not zero when a contender of ours fails, or when any comes
-- to wrong results.

local folder = arg[0]:match("^(.*)/") or "."
package.path = folder .. "/?.lua;" .. package.path

local kit = require "kit"
local Program = require "program"
local programs = require "programs"
local race = require "race"
local report = require "report"
local results = require "results"
local targets = require "targets"

local function usage(text)
  io.stderr:write("bench: ", text, "\n")
  os.exit(2)
end

local function names_of(text)
  local names = {}
  for name in text:gmatch("[^,]+") do names[#names + 1] = name end
  return names
end

local function settings_of(words)
  local s = { rounds = 5, seconds = 0.25, patience = 8, warm = true }
  local i = 1
  local function value()
    i = i + 1
    return words[i] or usage(words[i - 1] .. " wants a value")
  end
  while words[i] do
    local word = words[i]
    if word == "--case" then s.case = value()
    elseif word == "--json" then s.json = value()
    elseif word == "--against" then s.against = value()
    elseif word == "--rounds" then s.given_rounds = tonumber(value()) or usage("--rounds wants a number")
    elseif word == "--quick" then s.rounds, s.seconds, s.patience, s.warm = 3, 0.1, 3, false
    elseif word == "--tiny" then s.rounds, s.seconds, s.warm, s.most, s.tiny = 1, 0.01, false, 100, true
    elseif word == "--full" then s.full, s.patience = true, math.huge
    elseif word == "--no-peers" then s.peers = {}
    elseif word == "--peers" then s.peers = names_of(value())
    else usage("unknown option " .. word) end
    i = i + 1
  end
  s.rounds = s.given_rounds or s.rounds
  return s
end

-- Names stand for all cases that begin with them.
local function is_wanted(case, names)
  if not names or names == "" then return true end
  for name in names:gmatch("[^,]+") do
    if case.name:sub(1, #name) == name then return true end
  end
  return false
end

local function start_all(settings)
  local list, absent = programs.list(folder, os.getenv("WORKERPOOL_BUILD") or "build", settings)
  local started = {}
  for _, entry in ipairs(list) do
    local program, why = Program.start(entry.name, entry.command)
    if program then
      program.suffix = entry.suffix or ""
      started[#started + 1] = program
      print(("%s%s: %s"):format(program.name, program.suffix, program.version))
    else
      print(("%s does not start: %s"):format(entry.name, why))
    end
  end
  for _, name in ipairs(absent) do print(name .. " is not installed: left out") end
  return started
end

-- The contenders of a case, ours first.
local function contenders_of(case, started)
  local list = {}
  for _, program in ipairs(started) do
    for _, label in ipairs(program.labels[case.name] or {}) do
      local entry = { program = program, label = label, name = label .. program.suffix }
      local is_first = label == "workerpool" and program.suffix == ""
      table.insert(list, is_first and 1 or #list + 1, entry)
    end
  end
  return list
end

-- `only` of a case: the peers that take part, where a plot of all would be none.
-- `without` of a row: those that would hold up all others there.
local function allows(case, row, contender)
  if case.only and contender.program.name ~= "workerpool" then
    local found = false
    for _, name in ipairs(case.only) do found = found or name == contender.label end
    if not found then return false end
  end
  for _, name in ipairs(row.without or {}) do
    if name == contender.label then return false end
  end
  return true
end

-- A full run has other values of what a row asks for, a tiny one no larger ones.
local function row_of(case, row, settings)
  local others = settings.tiny and case.tiny or settings.full and case.full
  if not others then return row end
  local values = {}
  for key, value in pairs(row.values or {}) do values[key] = value end
  for key, value in pairs(others) do
    if values[key] then values[key] = settings.tiny and math.min(values[key], value) or value end
  end
  return setmetatable({ values = values }, { __index = row })
end

local function run_case(case, started, settings)
  print(("\n%s: %s; a %s"):format(case.name, case.title, case.unit))
  local rows, ok, renewed = {}, true, {}
  for _, contender in ipairs(contenders_of(case, started)) do
    local program = contender.program
    if not renewed[program] then program:renew() end
    renewed[program] = true
  end
  for _, plan in ipairs(case.rows or { {} }) do
    local row = row_of(case, plan, settings)
    local list = {}
    for _, contender in ipairs(contenders_of(case, started)) do
      if allows(case, row, contender) then list[#list + 1] = contender end
    end
    local done = race.run(case, row, list, settings)
    print(report.row(case, done))
    io.stdout:flush()
    for _, result in ipairs(done.contenders) do
      local is_ours = result.name:find("^workerpool") ~= nil
      if result.failed and (is_ours or result.failed:find("wrong results")) then ok = false end
    end
    rows[#rows + 1] = done
  end
  local verdicts = targets.judge(case, rows)
  for _, verdict in ipairs(verdicts) do print(report.target(verdict)) end
  return { name = case.name, title = case.title, unit = case.unit, extras = case.extras, plot = case.plot, rows = rows,
    targets = verdicts }, ok
end

-- Once more all that was missed, where nobody has to look for it.
local function print_missed(cases)
  local n, reached, lines = 0, 0, {}
  for _, case in ipairs(cases) do
    for _, verdict in ipairs(case.targets) do
      if verdict.reached ~= nil then n = n + 1 end
      if verdict.reached then reached = reached + 1 end
      if verdict.reached == false then lines[#lines + 1] = case.name .. report.target(verdict) end
    end
  end
  print(("\n%d of %d targets reached"):format(reached, n))
  for _, line in ipairs(lines) do print("  " .. line) end
end

local function main()
  local settings = settings_of(arg)
  local cases, ok = {}, true
  settings.load = results.load() -- before ours adds to it
  if settings.full then Program.limit_s = 7 * 86400 end
  local started = start_all(settings)
  for _, case in ipairs(kit.cases(folder .. "/cases")) do
    if is_wanted(case, settings.case) then
      local done, fine = run_case(case, started, settings)
      cases[#cases + 1], ok = done, ok and fine
    end
  end
  if #cases == 0 then usage("no case is called " .. settings.case) end
  print_missed(cases)
  if settings.json then results.write(settings.json, settings, started, cases) end
  for _, program in ipairs(started) do program:forget() end
  return ok
end

os.exit(main(), true)
