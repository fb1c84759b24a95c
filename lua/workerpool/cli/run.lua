-- workerpool run: runs a script as `lua` would, with the module built in.

local commandline = require "workerpool.cli.commandline"
local cpus = require "workerpool.cpus"
local host = require "workerpool.cli.host"
local unheard = require "workerpool.cli.unheard"
local values = require "workerpool.cli.values"

-- A script may take away what it does not want others to use.
local debug, io, tostring, type = debug, io, tostring, type

local COMMAND = {
  name = "run",
  usage = "workerpool run [options] script.lua [arguments...]",
  about = "Runs a Lua script; `-` reads it from standard input. The script finds "
    .. "its arguments in the table arg and in `...`, as under lua.",
  first_word_ends = true,
  options = {
    { "jobs", short = "j", value = "N",
      parse = function(text) return values.jobs(text, cpus.count()) end,
      text = "number of workers of a pool that does not say: N, or N% of the CPUs; "
        .. "0 runs every task in the script's own process" },
    { "help", short = "h", text = "print this, and exit" },
  },
  details = [[
Exit status: the script's own; 1 after an error that it did not catch; 2 when
the command line is wrong; 130 after Ctrl-C, 143 after SIGTERM, 141 when nobody
reads the output any more.]],
}

-- As `lua` has it: the script under 0, its arguments from 1 on, what stands
-- before the script under negative numbers.
local function arguments_of(words, script_at)
  local arguments = {}
  for i = 0, #words do arguments[i - script_at] = words[i] end
  return arguments
end

local function text_of(err)
  if type(err) == "string" then return err end
  local mt = debug.getmetatable(err)
  if type(err) == "number" or type(mt) == "table" and mt.__tostring then
    return tostring(err)
  end
  return ("(error object is a %s value)"):format(type(err))
end

-- The line of a traceback where the script's frames end and ours begin.
local OURS = "\n\t%[C%]: in function 'xpcall'\n[^\n]*workerpool/cli/run%.lua"

local function traceback_of(err)
  if unheard.explains(err) then return unheard end
  local text = debug.traceback(text_of(err), 2)
  local last, at = nil, text:find(OURS)
  while at do -- a script may have an xpcall of its own, and a message anything
    last, at = at, text:find(OURS, at + 1)
  end
  return last and text:sub(1, last - 1) .. "\n\t[C]: in ?" or text
end

-- loadfile without a name reads standard input.
local function load_script(name)
  if name == "-" then return loadfile() end
  return loadfile(name)
end

local function complain(message)
  if not host.interrupted() then
    io.stdout:flush()
    io.stderr:write("workerpool: ", message, "\n")
  end
  return 1
end

local function run_script(words, script_at)
  local script, message = load_script(words[script_at])
  if not script then return complain(message) end
  arg = arguments_of(words, script_at) -- luacheck: ignore 121
  local ok, err = xpcall(script, traceback_of,
    table.unpack(words, script_at + 1, #words))
  if ok then return 0 end
  if err == unheard then return unheard.STATUS end
  return complain(err)
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
  if not rest[1] then
    commandline.fail("run", "wanted a script, or - for standard input")
  end
  -- In the environment, where pools look and child processes inherit it.
  if options.jobs then
    assert(host.setenv("WORKERPOOL_JOBS", tostring(options.jobs)))
  end
  return run_script(words, rest.at)
end

return { main = main }
