-- The option cpu_ids: which CPUs each worker may use, in any of four forms.
--
--   { 2, 3 }              one CPU for each worker
--   { 0 }                 one for all
--   { { 4, 5, 6, 7 } }    one set for all
--   { { 0, 1 }, { 2 } }   a set for each worker
--
-- CPU numbers are the kernel's and start at 0. Pure: no system call is made,
-- the caller says which CPUs the process may use.

local kinds = require "workerpool.kinds"

local format = string.format

local function is_cpu(v)
  local n = type(v) == "number" and math.tointeger(v)
  return n and n >= 0 and n or nil
end

-- One worker's CPUs: a number, or a list of numbers that is not empty.
local function cpu_set(v)
  if is_cpu(v) then return { is_cpu(v) } end
  if type(v) ~= "table" or #v == 0 then return nil end
  local set = {}
  for i = 1, #v do
    set[i] = is_cpu(v[i])
    if not set[i] then return nil end
  end
  return set
end

local function cpu_sets(v)
  if type(v) ~= "table" or #v == 0 and next(v) ~= nil then return false end
  for i = 1, #v do
    if not cpu_set(v[i]) then return false end
  end
  return true, v
end

local kind = kinds.that("list",
  "a list of CPU numbers, counted from 0, or a list of such lists", cpu_sets)

local function cpu_problem(sets, n_jobs, allowed)
  if n_jobs > 0 and #sets ~= 1 and #sets ~= n_jobs then
    return format("wanted 1 or %d elements, one for each worker, got %d", n_jobs, #sets)
  end
  for i, set in ipairs(sets) do
    for _, cpu in ipairs(set) do
      if allowed and not allowed[cpu] then
        return format("element %d names CPU %d, which this process may not use", i, cpu)
      end
    end
  end
end

local function element_problem(ids)
  if type(ids) ~= "table" then return "wanted " .. kind.wanted .. ", got " .. kinds.got(ids) end
  for i = 1, #ids do
    if not cpu_set(ids[i]) then
      return format("element %d: wanted a CPU number, counted from 0, or a list of them, got %s",
        i, kinds.got(ids[i]))
    end
  end
end

--- The CPUs of each worker, from any of the four forms: a list of n_jobs
--- lists, or nil for no pinning (nil and the empty list). Raises on a wrong
--- count or CPU, naming the element. With n_jobs = 0 nothing is pinned and
--- the count does not matter, so that switching to 0 needs no other change.
---@param ids any the option cpu_ids
---@param n_jobs integer
---@param allowed? table<integer, boolean> the CPUs of this process, if known
---@param level? integer 1 blames the line that calls check, as in error()
---@return integer[][]?
local function check(ids, n_jobs, allowed, level)
  if ids == nil then return nil end
  local message, sets = element_problem(ids), {}
  if not message then
    for i = 1, #ids do sets[i] = cpu_set(ids[i]) end
    if #sets == 0 then return nil end
    message = cpu_problem(sets, n_jobs, allowed)
  end
  if message then error("WorkerPool: option 'cpu_ids': " .. message, (level or 1) + 1) end
  local of_worker = {}
  for i = 1, n_jobs do of_worker[i] = sets[#sets == 1 and 1 or i] end
  return of_worker
end

return { kind = kind, check = check }
