-- The report of print_insights: bars, figures, and advice in words. Pure: a
-- table as get_insights returns becomes a text.

local floor, max, min = math.floor, math.max, math.min
local format, rep = string.format, string.rep

local BAR = 40
local WIDEST = 100

-- What counts as much, as a share of all time.
local GOOD, NOTEWORTHY, LITTLE = 0.8, 0.1, 0.5

local TITLES = {
  { "start_up", "start up" },
  { "init", "worker_init" },
  { "waiting", "waiting" },
  { "waiting_input", "  for tasks" },
  { "waiting_decode", "  reading arguments" },
  { "waiting_encode", "  writing results" },
  { "waiting_transfer", "  for results to be taken" },
  { "working", "working" },
  { "exit", "worker_exit" },
}

-- Letters of the bars, in the order in which they are drawn.
local LETTERS = {
  { "working", "#" }, { "waiting", "." }, { "start_up", "s" }, { "init", "i" },
  { "exit", "x" },
}

-- ---- figures ------------------------------------------------------------------------

local function seconds(x)
  if x >= 100 then return format("%.0f s", x) end
  if x >= 1 then return format("%.3f s", x) end
  if x >= 1e-3 then return format("%.3f ms", x * 1e3) end
  return format("%.1f us", x * 1e6)
end

local function percent(ratio)
  return format("%.1f %%", ratio * 100)
end

local function parts_table(insights)
  local lines = {
    format("%-26s %12s %9s %12s %12s", "", "total", "", "mean", "deviation"),
  }
  for _, row in ipairs(TITLES) do
    local part, title = row[1], row[2]
    lines[#lines + 1] = format("%-26s %12s %9s %12s %12s", title,
      seconds(insights["total_" .. part .. "_time"]), percent(insights[part .. "_ratio"]),
      seconds(insights[part .. "_time_mean"]), seconds(insights[part .. "_time_std"]))
  end
  return lines
end

-- ---- bars ---------------------------------------------------------------------------

local function time_of(insights, i)
  local total = 0
  for _, row in ipairs(LETTERS) do total = total + insights[row[1] .. "_time"][i] end
  return total
end

-- A bar of BAR letters; rounding never makes it longer or shorter.
local function bar(insights, i, total)
  local pieces, sum, drawn = {}, 0, 0
  for _, row in ipairs(LETTERS) do
    sum = sum + insights[row[1] .. "_time"][i]
    local upto = total > 0 and floor(sum / total * BAR + 0.5) or 0
    pieces[#pieces + 1] = rep(row[2], upto - drawn)
    drawn = upto
  end
  return table.concat(pieces) .. rep(" ", BAR - drawn)
end

local function workers_table(insights)
  local lines = { format("%6s %10s  %-" .. BAR + 2 .. "s %9s %12s", "worker", "tasks",
    "# working  . waiting  s start up", "working", "") }
  for i, tasks in ipairs(insights.n_completed_tasks) do
    local total, working = time_of(insights, i), insights.working_time[i]
    lines[#lines + 1] = format("%6d %10d  [%s] %9s %12s", i - 1, tasks,
      bar(insights, i, total), percent(total > 0 and working / total or 0), seconds(working))
  end
  return lines
end

local function top_table(insights)
  local lines = {}
  for i, duration in ipairs(insights.top_5_max_task_durations) do
    local args = insights.top_5_max_task_args[i]
    if #args > WIDEST then args = args:sub(1, (utf8.offset(args, 0, WIDEST + 1)) - 1) .. "…" end
    lines[i] = format("%6d %12s  %s", i, seconds(duration), args)
  end
  return lines
end

-- ---- advice ---------------------------------------------------------------------------

local function busiest_and_idlest(insights)
  local most, least, idlest = 0, math.huge, nil
  for i, working in ipairs(insights.working_time) do
    most = max(most, working)
    if working < least then least, idlest = working, i - 1 end
  end
  return most, least, idlest
end

-- One worker had little to do while another worked.
local function about_balance(insights, add)
  local most, least, idlest = busiest_and_idlest(insights)
  if #insights.working_time < 2 or least >= most * LITTLE
     or insights.waiting_input_ratio < NOTEWORTHY then
    return false
  end
  add(format("Worker %d worked for %s and another one for %s: the work is spread unevenly. "
    .. "Chunks are too large or too few; try a smaller chunk_size, or fewer workers.",
    idlest, seconds(least), seconds(most)))
  return true
end

local function about_input(insights, add)
  if insights.waiting_input_ratio < NOTEWORTHY then return end
  add(format("%s of the time workers waited for tasks: the calling process does not feed "
    .. "them fast enough. Use larger chunks (chunk_size), a list or a range instead of a "
    .. "slow iterator, a larger max_tasks_active, or do less between two results.",
    percent(insights.waiting_input_ratio)))
end

local function about_coding(insights, add)
  local ratio = insights.waiting_decode_ratio + insights.waiting_encode_ratio
  if ratio < NOTEWORTHY then return end
  local what = insights.waiting_decode_ratio > insights.waiting_encode_ratio
    and "arguments" or "results"
  add(format("%s of the time went into reading arguments and writing results, most of it "
    .. "into %s. Send less for each task: put what all tasks share into shared_objects, "
    .. "large data into a shared Array, or let each task do more.", percent(ratio), what))
end

local function about_transfer(insights, add)
  if insights.waiting_transfer_ratio < NOTEWORTHY then return end
  add(format("%s of the time workers waited for the calling process to take results. "
    .. "Return less from each task, or do less with a result inside of the loop.",
    percent(insights.waiting_transfer_ratio)))
end

local function about_starting(insights, add)
  local start_up, init, exit = insights.start_up_ratio, insights.init_ratio, insights.exit_ratio
  if start_up + init + exit < NOTEWORTHY then return end
  local most = max(start_up, init, exit)
  local what = most == init and "worker_init" or most == exit and "worker_exit" or "start-up"
  add(format("%s of the time went into starting and ending workers, most of it into %s. "
    .. "keep_alive = true keeps them from call to call; or use fewer workers.",
    percent(start_up + init + exit), what))
end

--- What to change, in sentences; an empty list when all is well.
---@param insights table
---@return string[]
local function advice(insights)
  local list = {}
  local function add(sentence) list[#list + 1] = sentence end
  if insights.total_time == 0 then return list end
  if insights.working_ratio < GOOD then
    add(format("Efficiency warning: working ratio is < 80%%! (It is %s.)",
      percent(insights.working_ratio)))
    if not about_balance(insights, add) then about_input(insights, add) end
    about_coding(insights, add)
    about_transfer(insights, add)
    about_starting(insights, add)
  end
  return list
end

-- ---- the whole --------------------------------------------------------------------------

local function wrapped(sentence, width)
  local lines, line = {}, "*"
  for word in sentence:gmatch("%S+") do
    if #line + 1 + #word > width then
      lines[#lines + 1], line = line, " "
    end
    line = line .. " " .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

local function heading(insights)
  local tasks = 0
  for _, n in ipairs(insights.n_completed_tasks) do tasks = tasks + n end
  local workers = #insights.n_completed_tasks
  return format("Insights: %d task%s, %d worker%s, %s in all", tasks, tasks == 1 and "" or "s",
    workers, workers == 1 and "" or "s", seconds(insights.total_time))
end

local function append(lines, title, more)
  if #more == 0 then return end
  lines[#lines + 1] = title
  table.move(more, 1, #more, #lines + 1, lines)
end

--- The report as one text that ends in a newline.
---@param insights table as get_insights returns
---@return string
local function text(insights)
  if not insights.n_completed_tasks then
    return "No insights: make the pool with enable_insights = true.\n"
  end
  local lines = { heading(insights), "" }
  append(lines, "", parts_table(insights))
  append(lines, "", workers_table(insights))
  append(lines, "\nLongest tasks", top_table(insights))
  local sentences = advice(insights)
  for i, sentence in ipairs(sentences) do sentences[i] = wrapped(sentence, WIDEST - 20) end
  append(lines, "", sentences)
  lines[2] = rep("-", min(#lines[1], WIDEST))
  return (table.concat(lines, "\n"):gsub(" +%f[\n\0]", "")) .. "\n"
end

return { text = text, advice = advice }
