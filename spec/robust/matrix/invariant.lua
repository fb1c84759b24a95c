-- The matrix, third part: what must hold in every cell, whatever went wrong
-- and whenever. It returns within a bound, the guilty task and nothing else
-- is blamed, all other results are right and there once, the pool can be used
-- again, and nothing is left.

local lfs = require "lfs"
local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local crimes = require "spec.robust.matrix.crimes"

local invariant = {}

-- Seconds that one cell may take, many times what it needs.
local BOUND = 10
local MOST_TEXT = 500 -- of a complaint

-- ---- blame ------------------------------------------------------------------------

local function compare(complain, what, wanted, got)
  if wanted ~= got then
    complain("%s: wanted %s, got %s", what, tostring(wanted), tostring(got))
  end
end

--- The error is the one that this fault must give. `where` has task, the index
--- of the task, or phase, "worker_init" or "worker_exit"; and wrapped, when a
--- value that is on its way has raised the error.
function invariant.blame(complain, fault, err, where)
  if not workerpool.is_error(err) then
    return complain("wanted an error object, got %s", tostring(err))
  end
  local wraps = where.wrapped and fault.kind == "error"
  compare(complain, "kind", wraps and "encode" or fault.kind, err.kind)
  compare(complain, "task_index", where.task, err.task_index)
  compare(complain, "signal", fault.signal, err.signal)
  compare(complain, "exit_code", fault.exit_code, err.exit_code)
  if fault.message and not (wraps and fault.no_text) and not err.message:find(fault.message) then
    complain("message: %s", err.message)
  end
  if where.phase and not err.message:find(where.phase, 1, true) then
    complain("the message does not name %s: %s", where.phase, err.message)
  end
  if not err.worker_id then complain("no worker is named") end
end

--- What a call with on_error = "collect" has given, pair by pair: add(index,
--- value) for each, and finish() at the end. `guilty` is the task at fault.
function invariant.ledger(complain, fault, n, guilty, wrapped)
  local seen, ledger = {}, {}
  function ledger.add(i, value)
    if seen[i] then complain("task %s came twice", tostring(i)) end
    seen[i] = true
    if i == guilty and fault.kind then
      invariant.blame(complain, fault, value, { task = guilty, wrapped = wrapped })
    elseif value ~= crimes.right(i) then
      complain("task %d gave %s", i, tostring(value))
    end
  end
  function ledger.finish()
    for i = 1, n do
      if not seen[i] then complain("task %d never came", i) end
    end
  end
  return ledger
end

--- All results of a list are right.
function invariant.all_right(complain, list, n)
  compare(complain, "number of results", n, list and list.n)
  for i = 1, list and n or 0 do
    if list[i] ~= crimes.right(i) then complain("result %d is %s", i, tostring(list[i])) end
  end
end

--- The pool can be used, for a call of another function without options.
function invariant.goes_on(complain, pool)
  local ok, list = pcall(pool.map, pool, crimes.right, workerpool.range(6))
  if not ok then return complain("the next map: %s", tostring(list)) end
  invariant.all_right(complain, list, 6)
end

-- ---- what is left -------------------------------------------------------------------

-- Files of ours would have this in their name.
local function files()
  local found = {}
  for _, dir in ipairs { "/dev/shm", "/tmp" } do
    for name in lfs.dir(dir) do
      if name:find("workerpool", 1, true) then found["file " .. dir .. "/" .. name] = true end
    end
  end
  return found
end

-- Processes of our group, but not those that have ended and wait for some
-- other parent: a worker's child that outlived it is in nobody's care.
local function group()
  local found = {}
  for pid, state in pairs(helper.process_group()) do
    if state ~= "Z" then found["process " .. pid] = true end
  end
  return found
end

local function more(before, after)
  local list = {}
  for key in pairs(after) do
    if not before[key] then list[#list + 1] = key end
  end
  return list
end

local function look()
  return { held = helper.holdings(), files = files(), group = group() }
end

local function report_leaks(complain, before)
  for _, what in ipairs(helper.leaks(before.held)) do complain("left behind: %s", what) end
  local strays
  helper.eventually(function()
    strays = more(before.group, group())
    return #strays == 0
  end, 2)
  for _, what in ipairs(strays) do complain("left behind: %s", what) end
  for _, what in ipairs(more(before.files, files())) do complain("left behind: %s", what) end
end

--- Runs the body of a cell and returns a list of what did not hold.
---@param body fun(complain: fun(format: string, ...))
---@return string[]
function invariant.check(body)
  local complaints = {}
  local function complain(format, ...)
    complaints[#complaints + 1] = format:format(...):sub(1, MOST_TEXT)
  end
  local before, began = look(), helper.now()
  local ok, err = pcall(body, complain)
  if not ok then complain("raised: %s", tostring(err)) end
  local took = helper.now() - began
  if took > BOUND * helper.scale then complain("took %.1f seconds", took) end
  report_leaks(complain, before)
  return complaints
end

return invariant
