-- Contenders by turns: A B C A B C ... so that a busy second of the machine
-- falls on all of them alike. Each runs in a program of its own, each round on
-- a pool of its own that it has warmed up.

local stats = require "stats"

local race = {}

-- Stands for no time at all, so that ratios stay figures.
local SHORTEST = 1e-9

-- How many units a contender does in about `seconds`, at most `most`. It finds
-- out by rounds that grow, which warm it up, too.
local function calibrate(ask, most, seconds)
  local count = 1
  while true do
    local took = math.max(ask(count), SHORTEST)
    if took > seconds / 5 then
      return math.max(1, math.min(most, math.floor(count * seconds / took)))
    end
    if count == most then return most end
    count = math.min(most, count * 10)
  end
end

local function new_runner(contender, case, row)
  local program, label = contender.program, contender.label
  return {
    name = contender.name,
    samples = {},
    extras = {},
    spent = 0, -- seconds
    ask = function(count) return program:ask(case.name, label, count, row.values) end,
  }
end

-- A contender that fails is out of the race, and the reason is kept.
local function attempt(runner, f, ...)
  local ok, a, b = pcall(f, ...)
  if ok then return a, b end
  runner.failed = tostring(a)
end

local function warm_up(runner, case, row, settings)
  local most = settings.tiny and case.tiny_most or row.most or case.most or 1
  if case.fixed or row.fixed then
    runner.count = most
    if settings.warm then attempt(runner, runner.ask, most) end
  else
    runner.count = attempt(runner, calibrate, runner.ask,
      settings.most and math.min(settings.most, most) or most, settings.seconds * (case.weight or 1))
  end
end

-- One that is much slower than the others does not hold them up in all rounds.
local function one_round(runner, patience)
  if runner.failed or runner.spent > patience then return end
  local took, extras = attempt(runner, runner.ask, runner.count)
  if not took then return end
  runner.spent = runner.spent + took
  table.insert(runner.samples, math.max(took / runner.count, SHORTEST))
  for key, value in pairs(extras) do
    runner.extras[key] = runner.extras[key] or {}
    table.insert(runner.extras[key], value)
  end
end

local function summary(runner)
  local result = { name = runner.name, count = runner.count, failed = runner.failed,
    samples = runner.samples, extras = {} }
  if #runner.samples > 0 then
    result.median = stats.median(runner.samples)
    result.best = stats.least(runner.samples)
    result.spread = stats.spread(runner.samples)
  end
  for key, list in pairs(runner.extras) do
    result.extras[key] = type(list[1]) == "number" and stats.median(list) or list[1]
  end
  return result
end

-- All contenders must come to what the first that tells a checksum came to.
local function compare_checksums(runners)
  local expected, by
  for _, runner in ipairs(runners) do
    for _, sum in ipairs(runner.extras.checksum or {}) do
      expected, by = expected or sum, by or runner.name
      if sum ~= expected then
        runner.failed = ("wrong results: %s instead of %s as %s"):format(sum, expected, by)
      end
    end
  end
end

-- Languages differ in speed, so each contender is also measured by what the same
-- work takes in its own language without a pool. `serial` of a case: patterns of
-- names, and the name of that contender.
local function add_speedups(contenders, serial)
  local by_name = {}
  for _, result in ipairs(contenders) do by_name[result.name] = result end
  for _, result in ipairs(contenders) do
    for _, pair in ipairs(serial or {}) do
      local own = by_name[pair[2]]
      if result.name:find(pair[1]) then
        if own and own ~= result and #own.samples > 0 and #result.samples > 0 then
          result.speedup = stats.ratio(own.samples, result.samples).median
        end
        break
      end
    end
  end
end

-- Runs one row of a case. contenders: { program, label, name }. settings:
-- rounds, seconds (of a round), most (units of a round), warm (a round that does
-- not count also where the number of units is fixed), patience (seconds for all
-- rounds of a contender, after which it sits out the rest).
function race.run(case, row, contenders, settings)
  local runners = {}
  for i, contender in ipairs(contenders) do
    runners[i] = new_runner(contender, case, row)
    warm_up(runners[i], case, row, settings)
  end
  for _ = 1, math.min(case.rounds or settings.rounds, settings.rounds) do
    for _, runner in ipairs(runners) do
      one_round(runner, settings.patience)
    end
  end
  compare_checksums(runners)
  local results = { label = row.label, values = row.values, contenders = {} }
  for i, runner in ipairs(runners) do results.contenders[i] = summary(runner) end
  local ours = results.contenders[1]
  for _, result in ipairs(results.contenders) do
    if #result.samples > 0 and #ours.samples > 0 then
      result.ratio = stats.ratio(result.samples, ours.samples)
    end
  end
  add_speedups(results.contenders, case.serial)
  return results
end

return race
