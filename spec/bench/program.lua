-- A contender: a program that waits for requests, one a line, and answers
-- each with the seconds that it took. While one works the others sleep.
--
--   it says first   its version, a line of case TAB label for everything it can
--                   run, and an empty line
--   request         case TAB label TAB count TAB key=value ...
--   answer          seconds TAB key=value ...     or     !what went wrong
--
-- The way there is its standard input; the way back is a named pipe, for a
-- Lua without other modules has no program with both.

local Program = {}
Program.__index = Program

-- A program that hangs must not hold up the bench for ever: seconds of its life.
Program.limit_s = 3600

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function fields_of(line)
  local fields = {}
  for field in (line .. "\t"):gmatch("([^\t]*)\t") do fields[#fields + 1] = field end
  return fields
end

-- Starts `command`; nil and a reason when it is not there or says nothing.
function Program.start(name, command, environment)
  local self = setmetatable({
    name = name, _command = command, _environment = environment }, Program)
  return self:_begin()
end

function Program:_begin()
  local back = os.tmpname()
  os.remove(back)
  assert(os.execute("mkfifo " .. quote(back)))
  self.labels, self._errors = {}, back .. ".err"
  self._there = assert(io.popen(("exec env %s timeout -k 5 %d %s >%s 2>%s"):format(
    self._environment or "", Program.limit_s, self._command, quote(back), quote(self._errors)), "w"))
  self._back = assert(io.open(back, "r"))
  os.remove(back)
  self.version = self._back:read("l")
  if not self.version then return nil, self:_why() end
  for line in self._back:lines() do
    if line == "" then break end
    local case, label = line:match("^(.-)\t(.*)$")
    self.labels[case] = self.labels[case] or {}
    table.insert(self.labels[case], label)
  end
  return self
end

-- The last line that it wrote to its standard error; ends it.
function Program:_why()
  self:stop()
  local last
  local file = io.open(self._errors)
  if file then
    for line in file:lines() do if line:find("%S") then last = line end end
    file:close()
  end
  os.remove(self._errors)
  return last or "it ended without a word"
end

-- Ends it and starts it anew: what one case has left in its memory is not to
-- count in another.
function Program:renew()
  self:forget()
  local again, why = self:_begin()
  if not again then error(("%s does not start again: %s"):format(self.name, why), 0) end
end

-- One round: seconds, and a table of what else the answer says.
function Program:ask(case, label, count, values)
  local words = { case, label, ("%d"):format(count) }
  for key, value in pairs(values or {}) do words[#words + 1] = key .. "=" .. tostring(value) end
  self._there:write(table.concat(words, "\t"), "\n")
  self._there:flush()
  local line = self._back:read("l")
  local function fail(why) error(("%s, %s: %s"):format(label, case, why), 0) end
  if not line then fail(self:_why()) end
  if line:sub(1, 1) == "!" then fail(line:sub(2)) end
  local fields, extras = fields_of(line), {}
  for i = 2, #fields do
    local key, value = fields[i]:match("^(.-)=(.*)$")
    if key then extras[key] = key ~= "checksum" and tonumber(value) or value end
  end
  return tonumber(fields[1]) or fail("not a figure: " .. line), extras
end

function Program:stop()
  if self._there then
    self._there:close()
    self._back:close()
    self._there = nil
  end
end

-- After stop: what it complained of is of no use any more.
function Program:forget()
  self:stop()
  os.remove(self._errors)
end

Program.quote = quote

return Program
