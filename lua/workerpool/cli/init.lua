-- The command line of the program `workerpool`: finds the subcommand, hands
-- over, and turns wrong use into a message and the status 2.

local commandline = require "workerpool.cli.commandline"
local host = require "workerpool.cli.host"
local spelling = require "workerpool.spelling"

local FAILURE_STATUS, USAGE_STATUS = 1, 2

local COMMANDS = {
  { name = "run", text = "run a Lua script with workerpool at hand" },
  { name = "map", text = "run a Lua expression on every line of the input" },
}

local function command_names()
  local names = {}
  for i, command in ipairs(COMMANDS) do names[i] = command.name end
  return names
end

local function command_lines()
  local lines = { "Commands:" }
  for _, command in ipairs(COMMANDS) do
    lines[#lines + 1] = ("  %-10s %s"):format(command.name, command.text)
  end
  lines[#lines + 1] = "\n`workerpool COMMAND --help` tells more about each."
  return table.concat(lines, "\n")
end

local PROGRAM = {
  usage = "workerpool run|map [options] ...",
  about = "Runs Lua in many processes at once.",
  dash_remark = "options of a command go behind its name",
  first_word_ends = true,
  options = {
    { "help", short = "h", text = "print this, and exit" },
    { "version", short = "v", text = "print the version, and exit" },
  },
  details = command_lines(),
}

local function print_version()
  print(require("workerpool")._VERSION)
  return 0
end

local function file_exists(name)
  local file <close> = io.open(name, "r")
  return file ~= nil
end

local function unknown_command(word)
  local guess = spelling.nearest(word, command_names())
  local remark = guess and (" (did you mean '%s'?)"):format(guess)
    or file_exists(word) and (" (did you mean 'workerpool run %s'?)"):format(word) or ""
  commandline.fail(nil, ("unknown command '%s'%s"):format(word, remark))
end

local function dispatch(words)
  local options, rest = commandline.parse(PROGRAM, words)
  if options.help then
    io.write(commandline.help(PROGRAM))
    return 0
  end
  if options.version then return print_version() end
  local name = rest[1]
  if not name then commandline.fail(nil, "wanted a command: run or map") end
  for _, command in ipairs(COMMANDS) do
    if command.name == name then
      return require("workerpool.cli." .. name).main(words, rest.at + 1)
    end
  end
  unknown_command(name)
end

local function report(err)
  local title = "workerpool" .. (err.command and " " .. err.command or "")
  io.stderr:write(title, ": ", err.usage, "\n",
    "Try '", title, " --help'.\n")
  return USAGE_STATUS
end

--- Runs a command line.
---@param words table as the global arg: the program under 0
---@return integer status for the process
local function main(words)
  local handler = function(err)
    if commandline.is_usage_error(err) then return err end
    return debug.traceback(tostring(err), 2) -- a fault of ours
  end
  local ok, result = xpcall(dispatch, handler, words)
  if ok then return result end
  if commandline.is_usage_error(result) then return report(result) end
  if not host.interrupted() then io.stderr:write("workerpool: ", result, "\n") end
  return FAILURE_STATUS
end

return { main = main }
