-- Command lines: a description of options is turned into parsed values and
-- into the text of --help, so the two cannot differ.
--
-- A command is a table
--   { name = "map", usage = "…", about = "…", options = {…}, details = "…",
--     first_word_ends = true }   -- for commands that run another's arguments
-- and an option one of
--   { "jobs", short = "j", value = "N", parse = f, text = "…" }
--   { "json", text = "…" }                       -- a flag: true
--   { "progress", negatable = true, text = "…" } -- true, or false by --no-…
-- where parse(text) gives the value, or nil and what was wanted.
--
-- Wrong use raises a table with a field `usage`, the message; main prints it.

local spelling = require "workerpool.spelling"

local format = string.format

local UsageError = { __name = "workerpool.UsageError" }
UsageError.__tostring = function(err) return err.usage end

--- Raises what main reports as wrong use of the command line.
---@param command string? the subcommand's name
---@param message string
local function fail(command, message)
  error(setmetatable({ usage = message, command = command }, UsageError), 0)
end

local function is_usage_error(err)
  return getmetatable(err) == UsageError
end

-- ---- finding an option -----------------------------------------------------------

-- The option of a written name, and whether the name negates it.
local function find_long(command, name)
  for _, option in ipairs(command.options) do
    if option[1] == name then return option, false end
    if option.negatable and "no-" .. option[1] == name then return option, true end
  end
end

local function find_short(command, letter)
  for _, option in ipairs(command.options) do
    if option.short == letter then return option end
  end
end

local function long_names(command)
  local names = {}
  for _, option in ipairs(command.options) do
    names[#names + 1] = option[1]
    if option.negatable then names[#names + 1] = "no-" .. option[1] end
  end
  return names
end

local function unknown(command, word, name)
  local guess = spelling.nearest(name, long_names(command))
  local remark = guess and format(" (did you mean '--%s'?)", guess)
    or command.dash_remark and format(" (%s)", command.dash_remark) or ""
  fail(command.name, format("unknown option '%s'%s", word, remark))
end

-- ---- values -----------------------------------------------------------------------

local function store(command, values, option, written, text)
  local value, wanted = option.parse(text)
  if value == nil then
    fail(command.name, format("%s: wanted %s, got '%s'", written, wanted, text))
  end
  values[option[1]] = value
end

-- The words of a command line that are still to be read.
local function take_value(command, written, words)
  words.at = words.at + 1
  local text = words[words.at]
  if text == nil then fail(command.name, written .. " needs a value") end
  return text
end

local function read_long(command, values, word, words)
  local name, text = word:match("^%-%-([^=]*)=(.*)$")
  name = name or word:sub(3)
  local option, negated = find_long(command, name)
  if not option then unknown(command, "--" .. name, name) end
  if option.value then
    store(command, values, option, "--" .. name, text or take_value(command, word, words))
  elseif text then
    fail(command.name, format("--%s takes no value", name))
  else
    values[option[1]] = not negated
  end
end

-- `-j4`, `-j 4`, and flags in a row as in `-k0`.
local function read_short(command, values, word, words)
  local at = 2
  while at <= #word do
    local letter = word:sub(at, at)
    local option = find_short(command, letter)
    if not option then unknown(command, word, word:sub(2)) end
    if option.value then
      local text = at < #word and word:sub(at + 1)
        or take_value(command, "-" .. letter, words)
      return store(command, values, option, "-" .. letter, text)
    end
    values[option[1]] = true
    at = at + 1
  end
end

--- Parses words[first …]. `--` ends the options, and so does the first other
--- word where the command says so.
---@param command table
---@param words table
---@param first? integer
---@return table values by the options' long names
---@return table rest the other words, with `at`: where the first one stands
local function parse(command, words, first)
  local values, rest, line = {}, {}, table.move(words, first or 1, #words, 1, {})
  line.at = 1
  while line[line.at] do
    local word = line[line.at]
    if word == "--" or (command.first_word_ends and not word:find("^%-.")) then
      local from = line.at + (word == "--" and 1 or 0)
      rest.at = rest.at or from + (first or 1) - 1
      table.move(line, from, #line, #rest + 1, rest)
      break
    elseif word:sub(1, 2) == "--" then
      read_long(command, values, word, line)
    elseif word:find("^%-.") then
      read_short(command, values, word, line)
    else
      rest[#rest + 1] = word
    end
    line.at = line.at + 1
  end
  return values, rest
end

-- ---- help --------------------------------------------------------------------------

local WIDTH = 78

local function wrap(text, indent, width)
  local lines, line = {}, ""
  for word in text:gmatch("%S+") do
    if line ~= "" and #line + 1 + #word > width - indent then
      lines[#lines + 1], line = line, ""
    end
    line = line == "" and word or line .. " " .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n" .. (" "):rep(indent))
end

local function heading_of(option)
  local long = "--" .. (option.negatable and "[no-]" or "") .. option[1]
  local short = option.short and "-" .. option.short .. ", " or "    "
  return short .. long .. (option.value and " " .. option.value or "")
end

local function option_lines(command)
  local widest = 0
  for _, option in ipairs(command.options) do
    widest = math.max(widest, #heading_of(option))
  end
  local lines = {}
  for _, option in ipairs(command.options) do
    lines[#lines + 1] = format("  %-" .. widest .. "s  %s", heading_of(option),
      wrap(option.text, widest + 4, WIDTH))
  end
  return table.concat(lines, "\n")
end

--- The text of --help.
---@param command table
---@return string
local function help(command)
  local parts = { "Usage: " .. command.usage }
  for paragraph in (command.about .. "\n\n"):gmatch("(.-)\n\n") do
    local is_example = paragraph:sub(1, 1) == " "
    parts[#parts + 1] = is_example and paragraph or wrap(paragraph, 0, WIDTH)
  end
  parts[#parts + 1] = "Options:\n" .. option_lines(command)
  parts[#parts + 1] = command.details
  return table.concat(parts, "\n\n") .. "\n"
end

return { parse = parse, help = help, fail = fail, is_usage_error = is_usage_error }
