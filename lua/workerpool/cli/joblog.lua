-- The joblog of `workerpool map`: a line of tab-separated fields for each
-- task that is over, in the order in which results were printed.
--
--   Seq  Worker  Start  Runtime  Status  Task
--
-- Seq is the number of the input line, Start in seconds since 1970, Status
-- "ok" or the kind of the error, Task the beginning of the line. What is not
-- known is "-". --resume reads the file back.

local HEADER = "Seq\tWorker\tStart\tRuntime\tStatus\tTask"
local FIELDS = 6
local LONGEST_TASK = 60
local DONE = "ok"

local ESCAPES = { ["\\"] = "\\\\", ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r" }

local function escape(c)
  return ESCAPES[c] or ("\\x%02x"):format(c:byte())
end

--- The beginning of a task, free of what would break the table.
---@param task string
local function preview(task)
  local text = task:sub(1, LONGEST_TASK):gsub("[%c\\]", escape)
  return #task > LONGEST_TASK and text .. "..." or text
end

-- ---- reading ----------------------------------------------------------------------

local function split(line)
  local fields = {}
  for field in (line .. "\t"):gmatch("(.-)\t") do fields[#fields + 1] = field end
  return fields
end

-- A line that was cut short when its writer was killed says nothing.
local function note(done, line)
  local fields = split(line)
  if #fields < FIELDS then return end
  local seq = math.tointeger(tonumber(fields[1]))
  if seq and fields[5] == DONE then done[seq] = fields[6] end
end

--- What a joblog has as done: { [seq] = preview of the task }. A file that is
--- not there has nothing; nil and a message if it is no joblog.
---@param path string
---@return table? done
---@return string? message
local function read(path)
  local done, file = {}, io.open(path, "r")
  if not file then return done end
  local ours <close> = file
  local line, message = ours:read("L")
  if line and line:match("^[^\n]*") ~= HEADER then return nil, path .. " is not a joblog" end
  while line do
    if line:sub(-1) == "\n" then note(done, line:sub(1, -2)) end
    line, message = ours:read("L")
  end
  if message then return nil, ("cannot read %s: %s"):format(path, message) end
  return done
end

-- ---- writing ----------------------------------------------------------------------

local Log = { __name = "workerpool.Joblog" }
Log.__index = Log

-- Whether the file ends in the middle of a line, which we must not continue.
local function is_torn(file)
  local size = file:seek("end")
  if not size or size == 0 then return false end
  file:seek("set", size - 1)
  local last = file:read(1)
  file:seek("end")
  return last ~= "\n"
end

-- Each line goes out at once, so that a killed run leaves it; and only flush is
-- sure to say that it did not: the C library keeps what it could not write, and
-- takes that for written.
local function write(file, text)
  file:write(text)
  return file:flush()
end

local function begin(file, is_new)
  if is_new then return write(file, HEADER .. "\n") end
  if is_torn(file) then return write(file, "\n") end
  return true
end

--- Opens a joblog: anew, or to go on at its end.
---@param path string
---@param resume? boolean
---@return table? log
---@return string? message
local function open(path, resume)
  local file, message = io.open(path, resume and "a+" or "w")
  if not file then return nil, message end
  local ok, failure = begin(file, not resume or file:seek("end") == 0)
  if not ok then return nil, ("%s: %s"):format(path, failure) end
  return setmetatable({ file = file }, Log)
end

local function seconds(value)
  return value and ("%.3f"):format(value) or "-"
end

--- Adds a task that is over.
---@param entry table seq, worker, start, runtime, status, task (its preview)
function Log:add(entry)
  local ok, message = write(self.file, ("%d\t%s\t%s\t%s\t%s\t%s\n"):format(
    entry.seq, entry.worker or "-", seconds(entry.start), seconds(entry.runtime),
    entry.status, entry.task))
  if not ok then error("cannot write the joblog: " .. message, 0) end
end

function Log:__close() self.file:close() end

return { open = open, read = read, preview = preview, DONE = DONE }
