--[[
What specs need to look at processes: run programs, wait for conditions, make
files that go away by themselves, and see that nothing is left behind.

  local helper = require "spec.support.helper"

It sets nothing global. Specs run with the checkout's root as the current
directory, under spec/support/run.lua or under busted alone.
]]

local busted = require "busted"
local lfs = require "lfs"
local system = require "system"

local helper = {}

local function quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end
helper.quote = quote

local function read_all(path)
  local file <close> = io.open(path, "rb")
  return file and file:read("a")
end
helper.read = read_all

local function write_all(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
  return path
end
helper.write = write_all

---- paths --------------------------------------------------------------------

helper.root = lfs.currentdir()

-- The build under test: `make asan` and its kin set another one.
local build = os.getenv("WORKERPOOL_BUILD") or "build"
helper.build = build:sub(1, 1) == "/" and build or helper.root .. "/" .. build
helper.host = helper.build .. "/workerpool"
helper.sanitized = os.getenv("SPEC_SANITIZER") -- "address", "thread" or nil

-- Limits of time stretch with the build: a sanitizer makes all slower.
helper.scale = tonumber(os.getenv("SPEC_SCALE")) or 1

-- Assignments that let a plain lua5.4 find the module: put it before a command.
helper.lua_env = ("LUA_PATH=%s LUA_CPATH=%s"):format(
  quote(helper.root .. "/lua/?.lua;" .. helper.root .. "/lua/?/init.lua;;"),
  quote(helper.build .. "/lib/?.so;;"))

helper.lua = os.getenv("LUA") or "lua5.4"

---- time ---------------------------------------------------------------------

helper.now = system.monotime -- seconds
helper.sleep = system.sleep

-- Calls `condition` until it is true and returns what it returned; after
-- `seconds` (5) returns the last answer, false or nil.
function helper.eventually(condition, seconds)
  local deadline = helper.now() + (seconds or 5) * helper.scale
  local pause = 0.001
  while true do
    local answer = condition()
    if answer or helper.now() > deadline then return answer end
    helper.sleep(pause)
    pause = math.min(pause * 1.5, 0.01)
  end
end

---- files --------------------------------------------------------------------

local made = { test = {}, file = {} } -- folders to remove, by when
local in_test = false

local function remove_all(list)
  for i = #list, 1, -1 do
    os.execute("rm -rf " .. quote(list[i]))
    list[i] = nil
  end
end

busted.subscribe({ "test", "start" }, function()
  in_test = true
  return nil, true
end)
busted.subscribe({ "test", "end" }, function()
  in_test = false
  remove_all(made.test)
  return nil, true
end)
-- Without a suite, as in a program of its own, this is to be called.
function helper.clean() remove_all(made.file) end

busted.subscribe({ "suite", "end" }, function()
  helper.clean()
  return nil, true
end)

-- An empty folder. It is removed after the test, or after the file when it was
-- made outside of a test.
function helper.tmpdir()
  local path = os.tmpname()
  os.remove(path)
  assert(lfs.mkdir(path))
  table.insert(in_test and made.test or made.file, path)
  return path
end

---- programs -----------------------------------------------------------------

-- A command is a shell line, or a list of words that no shell looks into.
local function command_line(command)
  if type(command) == "string" then return command end
  local words = {}
  for i, word in ipairs(command) do words[i] = quote(word) end
  return "exec " .. table.concat(words, " ")
end

local function environment(options)
  local words = { helper.lua_env }
  for name, value in pairs(options.env or {}) do
    words[#words + 1] = name .. "=" .. quote(value)
  end
  return "env " .. table.concat(words, " ")
end

-- Everything of a run that lies in files: in, out, err.
local function prepare(command, options)
  local dir = helper.tmpdir()
  write_all(dir .. "/in", options.stdin or "")
  local line = command_line(command)
  if options.cwd then line = "cd " .. quote(options.cwd) .. " && " .. line end
  return dir, ("%s sh -c %s <%s/in >%s/out 2>%s/err"):format(
    environment(options), quote(line), dir, dir, dir)
end

local function result(dir, how, code)
  local signal = how == "signal" and code
    or code > 128 and code <= 192 and code - 128 or nil
  return {
    status = signal and 128 + signal or code,
    signal = signal,
    timed_out = code == 124 or nil,
    stdout = read_all(dir .. "/out"),
    stderr = read_all(dir .. "/err"),
  }
end

--[[
Runs a command to its end. Options: stdin (text), timeout (seconds, 30), env
(table), cwd. Returns
  { status, signal, stdout, stderr, timed_out }
where a program killed by a signal has `signal` and the status 128 + signal.
]]
function helper.run(command, options)
  options = options or {}
  local limit = (options.timeout or 30) * helper.scale
  local dir, line = prepare(command, options)
  local _, how, code = os.execute(
    ("exec timeout --kill-after=2 %g %s"):format(limit, line))
  return result(dir, how, code)
end

--[[
Starts a command and returns at once: { pid } with the methods
  :alive()          :kill([signal = "KILL"])
  :wait([seconds])  -> as helper.run, or nil when it still runs
  :stdout() :stderr()   what there is of them so far
The program is no child of this process. It ends with its time limit (30).
]]
local Program = {}
Program.__index = Program

function helper.start(command, options)
  options = options or {}
  local limit = (options.timeout or 30) * helper.scale
  local words = type(command) == "string" and { "sh", "-c", command } or command
  local dir = helper.tmpdir()
  local body = "echo $$ >" .. quote(dir .. "/pid.new") .. " && mv "
    .. quote(dir .. "/pid.new") .. " " .. quote(dir .. "/pid") .. "; "
    .. (options.cwd and "cd " .. quote(options.cwd) .. " && " or "")
    .. command_line(words)
  write_all(dir .. "/in", options.stdin or "")
  -- The outer shell outlives the program and writes down how it ended.
  os.execute(("(timeout --kill-after=2 %g %s sh -c %s <%s/in >%s/out 2>%s/err;"
    .. " echo $? >%s/end.new; mv %s/end.new %s/end) >/dev/null 2>&1 &"):format(
    limit, environment(options), quote(body), dir, dir, dir, dir, dir, dir))
  helper.eventually(function() return read_all(dir .. "/pid") end)
  local pid = assert(tonumber(read_all(dir .. "/pid") or ""), "did not start")
  return setmetatable({ pid = pid, _dir = dir }, Program)
end

function Program:alive()
  return read_all(self._dir .. "/end") == nil
end

function Program:kill(signal)
  os.execute(("kill -%s %d 2>/dev/null"):format(signal or "KILL", self.pid))
end

function Program:wait(seconds)
  local code = helper.eventually(function()
    return tonumber(read_all(self._dir .. "/end") or "")
  end, seconds or 30)
  return code and result(self._dir, "exit", code)
end

function Program:stdout() return read_all(self._dir .. "/out") end
function Program:stderr() return read_all(self._dir .. "/err") end

local function built_with()
  local flags = {}
  for line in assert(io.lines(helper.build .. "/flags")) do
    flags[#flags + 1] = line
  end
  return table.unpack(flags, 1, 4)
end

-- Compiles a C program against the static library of the build under test and
-- returns its path. With `lua` it is linked with Lua's own library, too.
function helper.compile(source, options)
  options = options or {}
  local cc, cflags, ldflags, lua_libs = built_with()
  local program = helper.tmpdir() .. "/"
    .. source:match("([^/]*)%.%l+$")
  local line = table.concat({ options.cc or cc, cflags, options.cflags or "", ldflags,
    "-Wl,-E -o", quote(program), quote(source),
    quote(helper.build .. "/libworkerpool.a"),
    lua_libs, "-lm -ldl", options.libs or "" }, " ")
  local done = helper.run(line, { timeout = 120 })
  if done.status ~= 0 then
    error("cannot compile " .. source .. ":\n" .. done.stderr, 2)
  end
  return program
end

-- Compiles a C module for Lua and returns the pattern for package.cpath that
-- finds it. Without a sanitizer: it is loaded into processes that may have none.
function helper.shared_object(source)
  local cc, cflags = built_with()
  local include = cflags:match("%-I%S*lua%S*") or ""
  local dir = helper.tmpdir()
  local line = table.concat({ cc, "-shared -fPIC -O1", include, "-o",
    quote(dir .. "/" .. source:match("([^/]*)%.c$") .. ".so"), quote(source) }, " ")
  local done = helper.run(line, { timeout = 120 })
  if done.status ~= 0 then
    error("cannot compile " .. source .. ":\n" .. done.stderr, 2)
  end
  return dir .. "/?.so"
end

-- Compiles spec/support/fixtures/NAME.c, a C module for Lua, and returns it. From
-- then on it is found by its name, also in what the specs start.
function helper.c_module(name)
  package.cpath = helper.shared_object(("spec/support/fixtures/%s.c"):format(name))
    .. ";" .. package.cpath
  return require(name)
end

---- what a process holds -----------------------------------------------------

local function entries(path)
  local names = {}
  local ok, iterate, state = pcall(lfs.dir, path)
  if not ok then return names end
  for name in iterate, state do
    if name:find("^%d+$") then names[#names + 1] = tonumber(name) end
  end
  return names
end

function helper.pid()
  return tonumber(read_all("/proc/self/stat"):match("^%d+"))
end

-- The children of a process (this one), zombies included: a list of pids.
function helper.children(pid)
  pid = pid or helper.pid()
  local found = {}
  for _, tid in ipairs(entries(("/proc/%d/task"):format(pid))) do
    local text = read_all(("/proc/%d/task/%d/children"):format(pid, tid))
    for child in (text or ""):gmatch("%d+") do
      found[#found + 1] = tonumber(child)
    end
  end
  table.sort(found)
  return found
end

-- "R", "S", "Z" and so on, or nil when there is no such process.
function helper.state(pid)
  local stat = read_all(("/proc/%d/stat"):format(pid))
  return stat and stat:match("^.*%) (%a)")
end

-- The fields of /proc/PID/stat behind the name: state, parent, process group.
local function stat_of(pid)
  local stat = read_all(("/proc/%d/stat"):format(pid))
  if stat then return stat:match("^.*%) (%a) (%d+) (%d+)") end
end

-- All processes of this one's group: { [pid] = state }, without itself.
function helper.process_group()
  local own = helper.pid()
  local _, _, group = stat_of(own)
  local found = {}
  for _, pid in ipairs(entries("/proc")) do
    local state, _, its_group = stat_of(pid)
    if its_group == group and pid ~= own then found[pid] = state end
  end
  return found
end

-- Open descriptors of this process: { [number] = what it is }.
function helper.descriptors()
  local own = ("/proc/%d/fd"):format(helper.pid())
  local open = {}
  for _, fd in ipairs(entries(own)) do
    -- What was open for the listing alone is gone by now.
    local target = lfs.symlinkattributes(own .. "/" .. fd, "target")
    if target and target ~= own then open[fd] = target end
  end
  return open
end

-- Shared memory that is mapped, by file: { ["memfd:name inode"] = lines }.
local function mapped()
  local files = {}
  for line in io.lines("/proc/self/maps") do
    local inode, name = line:match("^%S+ %S+ %S+ %S+ (%d+)%s+(.*)$")
    if name and (name:find("memfd:", 1, true) or name:find("^/dev/shm/")
      or name:find("^/dev/zero") or name:find("^/SYSV")) then
      local key = name:gsub(" %(deleted%)$", "") .. " " .. inode
      files[key] = (files[key] or 0) + 1
    end
  end
  return files
end

-- The number of mapped pieces of shared memory.
function helper.mappings()
  local count = 0
  for _, lines in pairs(mapped()) do count = count + lines end
  return count
end

---- the leak guard -----------------------------------------------------------

local function holdings()
  local children = {}
  for _, pid in ipairs(helper.children()) do
    local name = read_all(("/proc/%d/comm"):format(pid)) or "?\n"
    children[pid] = ("child %d (%s, %s)"):format(
      pid, name:sub(1, -2), helper.state(pid) or "gone")
  end
  local descriptors, mappings = {}, {}
  for fd, target in pairs(helper.descriptors()) do
    descriptors[fd] = ("descriptor %d (%s)"):format(fd, target)
  end
  for key in pairs(mapped()) do mappings[key] = "mapping of " .. key end
  return { children, descriptors, mappings }
end

-- What `after` has that `before` had not: a sorted list of words.
local function difference(before, after)
  local more = {}
  for kind, now in ipairs(after) do
    for key, text in pairs(now) do
      if not before[kind][key] then more[#more + 1] = text end
    end
  end
  table.sort(more)
  return more
end

local function collect()
  collectgarbage()
  collectgarbage()
end

-- What has been left since `before`, a value of helper.holdings(). Processes
-- get a second to go.
function helper.leaks(before)
  collect()
  local more = difference(before, holdings())
  if #more > 0 then
    helper.eventually(function()
      more = difference(before, holdings())
      return #more == 0
    end, 1)
  end
  return more
end

function helper.holdings()
  collect()
  return holdings()
end

--[[
Makes every test of this block fail that leaves a child, a zombie, an open
descriptor or a shared mapping behind. Call it first in the file, outside of
any describe: then it looks before all of the file's own before_each, and
after all of its after_each.
]]
function helper.guard()
  local before
  busted.before_each(function() before = helper.holdings() end)
  busted.after_each(function()
    local more = helper.leaks(before)
    if #more > 0 then
      busted.fail("this test left behind: " .. table.concat(more, ", "))
    end
  end)
end

return helper
