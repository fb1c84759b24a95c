-- workerpool map: the options, their meaning together, and the exit status.
-- The work is in mapping.lua.

local commandline = require "workerpool.cli.commandline"
local core = require "workerpool.core"
local cpus = require "workerpool.cpus"
local expression = require "workerpool.cli.expression"
local formats = require "workerpool.cli.format"
local halt = require "workerpool.cli.halt"
local host = require "workerpool.cli.host"
local input = require "workerpool.cli.input"
local joblog = require "workerpool.cli.joblog"
local mapping = require "workerpool.cli.mapping"
local settings = require "workerpool.options"
local unheard = require "workerpool.cli.unheard"
local values = require "workerpool.cli.values"

local MOST_COUNTED = 100  -- failures that the exit status can tell
local OTHER_FAILURE = 255

local COMMAND = {
  name = "map",
  usage = "workerpool map [options] 'expression or function' < tasks > results",
  about = "Calls a Lua expression for every line of the input, in many processes, "
    .. "and prints a line for each result. In the expression x is the line; an "
    .. "expression whose value is a function is called with it:\n\n"
    .. "  seq 10 | workerpool map 'x * x'\n"
    .. "  workerpool map 'function(line) return line:reverse() end' < words\n\n"
    .. "Several values are joined by tabs, nil is an empty line. A task that fails "
    .. "prints no result; standard error tells its line and what went wrong.",
  dash_remark = "an expression that begins with - goes after --",
  options = {
    { "jobs", short = "j", value = "N",
      parse = function(text) return values.jobs(text, cpus.count()) end,
      text = "number of workers: N, or N% of the CPUs; 0 runs all in one process" },
    { "json", text = "lines are JSON, and so are results; several values are an array" },
    { "null", short = "0", text = "tasks end in a zero byte, as find -print0 writes them" },
    { "unordered", short = "u", text = "print results as they come, not in the order of tasks" },
    { "tag", text = "put the task and a tab before each line of its result" },
    { "timeout", short = "t", value = "SECONDS", parse = values.seconds,
      text = "a task that runs longer has failed" },
    { "retries", short = "r", value = "N", parse = values.count,
      text = "try a failed task again, up to N times" },
    { "halt", value = "WHEN", parse = halt.parse,
      text = "now,fail=N kills what runs as soon as N tasks have failed; soon,fail=N "
        .. "finishes what has been started; N% is a share of the finished tasks, "
        .. "once three have failed; never goes on" },
    { "keep-going", short = "k", text = "the same as --halt never, which is the default" },
    { "joblog", value = "FILE", parse = values.file,
      text = "write a line of tab-separated fields for each task that is over" },
    { "resume", text = "skip what the joblog has as done, and add to it" },
    { "progress", negatable = true,
      text = "draw a bar on standard error; the default when that is a terminal and "
        .. "standard output is not" },
    { "seed", value = "N", parse = values.integer,
      text = "give every task a stream of random numbers that depends on N and its "
        .. "number only" },
    { "help", short = "h", text = "print this, and exit" },
  },
  details = [[
Exit status: 0 when all tasks succeeded; 1 to 100, the number of those that
failed; 101 for more; 2 when the command line is wrong; 255 when tasks cannot
be read or results cannot be written; 130 after Ctrl-C, 143 after SIGTERM, 141
when nobody reads the output any more.]],
}

local function fail(message) commandline.fail("map", message) end

local function compiled(rest)
  if #rest == 0 then fail("wanted an expression, such as 'x:upper()'") end
  if #rest > 1 then
    fail(("wanted one expression, got %d words (tasks come from standard input): '%s'")
      :format(#rest, rest[2]))
  end
  local f, message = expression.compile(rest[1])
  if not f then fail("cannot compile the expression: " .. message) end
  return f
end

local function format_for(options)
  if not options.json then return formats.text end
  local json, message = formats.json()
  if not json then fail(message) end
  return json
end

-- What the joblog has as done, and the log to write on.
local function open_joblog(options)
  if not options.joblog then
    if options.resume then fail("--resume needs --joblog FILE") end
    return {}, nil
  end
  local done, unreadable, log, unwritable
  if options.resume then
    done, unreadable = joblog.read(options.joblog)
    if not done then fail("--joblog: " .. unreadable) end
  end
  log, unwritable = joblog.open(options.joblog, options.resume)
  if not log then fail("--joblog: cannot write " .. unwritable) end
  return done or {}, log
end

-- nil where neither the command line nor the environment says.
local function jobs_of(options)
  if options.jobs then return options.jobs end
  local n, message = settings.jobs_from_environment(os.getenv("WORKERPOOL_JOBS"))
  if message then fail(message) end
  return n
end

local function wants_bar(options)
  if options.progress ~= nil then return options.progress end
  return core.is_tty(io.stderr) and not core.is_tty(io.stdout)
end

-- What mapping.lua is to do, from the parsed options.
local function plan_of(options, rest)
  if options.tag and options.json then
    fail("--tag is for lines of text; with --json return the task with its result")
  end
  local plan = {
    f = compiled(rest), format = format_for(options),
    read = (options.null and input.records or input.lines)(io.stdin),
    tag = options.tag, unordered = options.unordered,
    n_jobs = jobs_of(options), seed = options.seed,
    timeout = options.timeout, retries = options.retries,
    halt = not options["keep-going"] and options.halt or nil,
    bar = wants_bar(options),
  }
  -- Last, for it makes a file.
  plan.done, plan.log = open_joblog(options)
  return plan
end

local function perform(plan)
  local _ <close> = plan.log
  local ok, result = xpcall(mapping.run, mapping.handler, plan)
  if ok then return math.min(result, MOST_COUNTED + 1) end
  if commandline.is_usage_error(result) then error(result, 0) end
  if result == unheard then return unheard.STATUS end
  if not host.interrupted() then io.stderr:write("workerpool: ", result, "\n") end
  return OTHER_FAILURE
end

--- Runs the subcommand with words[first …].
---@param words table
---@param first integer
---@return integer status
local function main(words, first)
  local options, rest = commandline.parse(COMMAND, words, first)
  if options.help then
    io.write(commandline.help(COMMAND))
    return 0
  end
  return perform(plan_of(options, rest))
end

return { main = main }
