--[[
Busted's output handler for the runner. It prints nothing, so that whatever a
spec prints cannot be mistaken for a result. It appends to two files:

  $SPEC_RESULT           a line for each event: "start NAME", "pass NAME",
                         "fail NAME", and at last "done"
  $SPEC_RESULT.details   for people: what failed, where and why

A test's verdict is held back until the next one starts, because an
`after_each` that fails (the leak guard is one) belongs to the test before it.
]]

local function own_pid()
  local file <close> = assert(io.open("/proc/self/stat"))
  return file:read("n")
end

local pid = own_pid()

-- Run by hand, the text goes to the terminal.
local result_path = os.getenv("SPEC_RESULT") or "/dev/stderr"
local details_path = os.getenv("SPEC_RESULT") and result_path .. ".details"
  or result_path

-- A file is opened for each line: a forked worker must find no buffer with
-- half a line in it, and the guard no descriptor that comes and goes.
local function append(path, text)
  local file <close> = assert(io.open(path, "a"))
  file:write(text, "\n")
end

local function indented(text)
  return "    " .. text:gsub("\n", "\n    ")
end

-- The place, unless the message begins with it.
local function where(element, trace, text)
  local at = trace or element.trace or {}
  local place = ("%s:%s"):format(at.short_src, at.currentline)
  if not at.short_src or text:find(place, 1, true) then return "" end
  return "\n    at " .. place
end

return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  handler.options = options
  local held -- the test whose verdict is not out: { name, failed, details }

  local function write(verdict, name)
    append(result_path, verdict .. " " .. name:gsub("%s+", " "))
  end

  local function settle()
    if not held then return end
    if held.failed then
      append(details_path, table.concat(held.details, "\n"))
    end
    write(held.failed and "fail" or "pass", held.name)
    held = nil
  end

  -- A worker that returns from its main function comes back here with a copy
  -- of everything and would run the remaining tests a second time.
  local function refuse_strays(name)
    if own_pid() == pid then return end
    append(details_path, "  " .. name
      .. "\n    a forked process returned into the specs")
    write("fail", "a forked process returned into the specs during " .. name)
    os.exit(1, false)
  end

  local function start(element)
    local name = handler.getFullName(element)
    refuse_strays(name)
    settle()
    held = { name = name, details = { "  " .. name } }
    write("start", name)
    return nil, true
  end

  local function finish(element, _, status)
    refuse_strays(handler.getFullName(element))
    if status ~= "success" and held then held.failed = true end
    if status == "pending" and held then
      held.details[#held.details + 1] = "    pending: it does not run"
    end
    return nil, true
  end

  -- Both a failed assertion and an error. By now busted has made the message
  -- a string that begins with a place.
  local function note(element, message, trace, with_traceback)
    local in_test = held
      and (element.descriptor == "it" or element.descriptor == "after_each")
    if not in_test then
      settle()
      local name = handler.getFullName(element)
      held = { name = name, details = { "  " .. name } }
    end
    held.failed = true
    local text = tostring(message)
    local lines = held.details
    lines[#lines + 1] = indented(text) .. where(element, trace, text)
    -- A traceback of one line is the place once more.
    local stack = trace and trace.traceback or ""
    if with_traceback and select(2, stack:gsub("\n\t", "")) > 1 then
      lines[#lines + 1] = indented((stack:match("^%s*(.-)%s*$")))
    end
    if not in_test then settle() end
    return nil, true
  end

  local function failure(element, _, message, trace)
    return note(element, message, trace, false)
  end

  local function err(element, _, message, trace)
    return note(element, message, trace, true)
  end

  local function finish_all()
    refuse_strays("the end")
    settle()
    append(result_path, "done")
    return nil, true
  end

  busted.subscribe({ "test", "start" }, start)
  busted.subscribe({ "test", "end" }, finish)
  busted.subscribe({ "failure" }, failure)
  busted.subscribe({ "error" }, err)
  busted.subscribe({ "suite", "end" }, finish_all)
  handler.subscribe = function() end -- the base would format it all again
  return handler
end
