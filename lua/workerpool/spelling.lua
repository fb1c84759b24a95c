-- "Did you mean …": the known name nearest to what somebody wrote.

local min = math.min

-- What people vary without thinking: nJobs, n-jobs and N_JOBS are n_jobs.
local function plain(name)
  return (name:lower():gsub("[%s_%-]", ""))
end

--- How many single letters must be put in, taken out, replaced, or swapped
--- with their neighbour to turn one word into the other.
---@param a string
---@param b string
---@return integer
local function distance(a, b)
  local before, last = {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      local swapped = i > 1 and j > 1
        and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j)
      if swapped then row[j] = min(row[j], before[j - 2] + 1) end
    end
    before, last = last, row
  end
  return last[#b]
end

-- A third of the word may be wrong; more would be guessing.
local function limit_for(name)
  return math.max(1, #name // 3)
end

-- Longer words than any name cost time and are no slips.
local LONGEST = 64

-- "timeout" for task_timeout, "jobs" for n_jobs: the shortest name that has
-- the word in it.
local PART = 4

local function containing(word, names)
  local best
  for _, name in ipairs(names) do
    local within = #word >= PART and plain(name):find(word, 1, true)
    if within and (not best or #name < #best) then best = name end
  end
  return best
end

-- The words of a name in alphabetical order: max_active_tasks is
-- max_tasks_active.
local function words_of(name)
  local words = {}
  for word in name:lower():gmatch("%a+") do words[#words + 1] = word end
  table.sort(words)
  return table.concat(words, "_")
end

local function same_words(given, names)
  for _, name in ipairs(names) do
    if words_of(name) == words_of(given) then return name end
  end
end

--- The name in the list nearest to `given`, or nil when none is near.
---@param given string
---@param names string[]
---@return string?
local function nearest(given, names)
  if #given > LONGEST then return nil end
  local reordered = same_words(given, names)
  if reordered then return reordered end
  local word = plain(given)
  local best, best_distance = nil, limit_for(word) + 1
  for _, name in ipairs(names) do
    local d = distance(word, plain(name))
    if d < best_distance then best, best_distance = name, d end
  end
  return best or containing(word, names)
end

return { distance = distance, nearest = nearest }
