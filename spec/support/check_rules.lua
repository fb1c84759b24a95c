--[[
The rules between the rooms, and a few about files. Reads the #include and
require lines and compares them with the tables below.

  lua5.4 spec/support/check_rules.lua [ROOT]

A room is the .c and .h files of one name, or of one beginning: "engine*" is
engine.c, engine.h, engine_parcel.c and so on. The first room that fits counts.
]]

---- the tables ---------------------------------------------------------------

local MECHANICS = "base layout region arena loan queue ring figures process bell output"

-- room, what it may include of ours, and "lua" where it may see Lua.
local ROOMS = {
  -- lowest first
  { "base", "" },
  { "embedded*", "" },
  { "shm", "base" },
  { "memory", "base" },
  { "slab*", "base shm" },
  { "bell", "base" },
  { "process", "base bell" },
  { "layout", "base" },
  { "queue", "base layout" },
  { "region", "base shm layout bell" },
  { "arena", "base shm layout" },
  { "loan", "base layout arena" },
  { "ring", "base shm layout region" },
  { "figures", "base layout" },
  { "shared*", "base shm layout process" },
  { "workerpool", "base" },
  { "output", "base layout bell workerpool" },
  { "streams", "base layout bell output workerpool" },
  { "engine*", MECHANICS .. " workerpool" },
  { "launch", MECHANICS .. " workerpool engine*" },
  { "server", MECHANICS .. " workerpool engine*" },
  { "worker*", MECHANICS .. " streams workerpool engine*" },
  { "lua_heap", "slab", "lua" },
  { "codec*", "base lua_heap codec*", "lua" },
  { "interrupt", "", "lua" },
  { "task*", "base figures codec* interrupt task* workerpool", "lua" },
  { "bind_system", "bind* process memory interrupt base workerpool", "lua" },
  { "bind_shared*", "bind* shared* shm base codec* interrupt workerpool", "lua" },
  { "bind*", "base memory figures slab lua_heap codec* interrupt task* bind* workerpool", "lua" },
  { "workerpool_lua", "base workerpool", "lua" },
  { "host*", "base bind* embedded* workerpool workerpool_lua host*", "lua" },
  { "main", "base bind* embedded* workerpool workerpool_lua host*", "lua" },
}

-- Only here may memory come from the C library.
local ALLOCATES = { ["src/base.c"] = true }

-- Lua modules that decide and do nothing else: they must not reach
-- workerpool.core, also not through another module.
local PURE = {
  "kinds", "meter", "options", "preview", "spelling", "range", "sizer",
  "source", "chunk", "order", "waiting", "fifo", "copies",
}

-- Longer files are two rooms. Annotations are made by a program.
local LONGEST = 500
local WIDEST_C = 80

---- reading ------------------------------------------------------------------

local root = arg[1] or "."
local complaints = {}

local function complain(...)
  complaints[#complaints + 1] = string.format(...)
end

local function files_in(dir, name)
  local found = {}
  local pipe <close> = assert(io.popen(
    ("cd '%s' && find %s -name '%s' -type f 2>/dev/null | LC_ALL=C sort"):format(
      root, dir, name)))
  for path in pipe:lines() do found[#found + 1] = path end
  return found
end

-- A list of the file's lines.
local function read(path)
  local lines = {}
  for line in assert(io.lines(root .. "/" .. path)) do
    lines[#lines + 1] = line
  end
  return lines
end

local function fits(room, base)
  if room:sub(-1) ~= "*" then return room == base end
  local beginning = room:sub(1, -2)
  return base == beginning or base:sub(1, #beginning + 1) == beginning .. "_"
    or (beginning:sub(-1) == "_" and base:sub(1, #beginning) == beginning)
end

local function room_of(base)
  for _, room in ipairs(ROOMS) do
    if fits(room[1], base) then return room end
  end
end

-- C without comments and strings, lines kept, so that words in them are no code.
local function code_only(lines)
  local text = table.concat(lines, "\n") .. "\n"
  text = text:gsub('\\[\\"]', "")
  text = text:gsub("/%*.-%*/", function(comment)
    return (comment:gsub("[^\n]", ""))
  end)
  return (text:gsub("//[^\n]*", ""):gsub('"[^"\n]*"', '""'))
end

---- C ------------------------------------------------------------------------

local function may_include(room, base)
  if fits(room[1], base) then return true end
  for allowed in room[2]:gmatch("%S+") do
    if fits(allowed, base) then return true end
  end
  return false
end

local LUA_HEADERS = { ["lua.h"] = true, ["lauxlib.h"] = true, ["lualib.h"] = true }

local function check_includes(path, lines)
  local base = path:match("([^/]+)%.[ch]$")
  local room = room_of(base)
  if not room then
    return complain("%s: no room in check_rules.lua fits this name", path)
  end
  for n, line in ipairs(lines) do
    local ours = line:match('^%s*#%s*include%s+"([^"]+)%.h"')
    local theirs = line:match("^%s*#%s*include%s+<([^>]+)>")
    if ours and not may_include(room, ours) then
      complain("%s:%d: %s may not include %s.h", path, n, room[1], ours)
    end
    if theirs and LUA_HEADERS[theirs] and room[3] ~= "lua" then
      complain("%s:%d: %s may not see Lua", path, n, room[1])
    end
  end
end

local function check_allocation(path, lines)
  if ALLOCATES[path] then return end
  local n = 0
  for line in code_only(lines):gmatch("([^\n]*)\n") do
    n = n + 1
    for name in line:gmatch("%f[%w_]([%w_]+)%s*%(") do
      if name == "malloc" or name == "calloc" or name == "realloc"
        or name == "free" or name == "strdup" then
        complain("%s:%d: %s is for base.c alone", path, n, name)
      end
    end
  end
end

local function check_width(path, lines)
  for n, line in ipairs(lines) do
    if utf8.len(line) and utf8.len(line) > WIDEST_C then
      complain("%s:%d: wider than %d columns", path, n, WIDEST_C)
    end
  end
end

---- Lua ----------------------------------------------------------------------

local function module_of(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", "")
    :gsub("/", "."))
end

-- Modules that a file requires while it loads: not indented. What it requires
-- later, inside a function, cannot make a cycle.
local function requirements(lines)
  local names, at_load = {}, {}
  for _, line in ipairs(lines) do
    local code = line:gsub("%-%-.*", "")
    for name in code:gmatch("require%s*%(?%s*[\"'](workerpool[%w_.]*)[\"']") do
      -- A name that ends in a dot is completed when the program runs.
      if name:sub(-1) ~= "." then
        names[name] = true
        if not line:find("^%s") then at_load[name] = true end
      end
    end
  end
  return names, at_load
end

-- The way from `from` to `to` in a graph, as a list of names, or nil.
local function path_between(graph, from, to, seen)
  seen = seen or {}
  for next_name in pairs(graph[from] or {}) do
    if next_name == to then return { from, to } end
    if not seen[next_name] then
      seen[next_name] = true
      local rest = path_between(graph, next_name, to, seen)
      if rest then
        table.insert(rest, 1, from)
        return rest
      end
    end
  end
end

local function check_requires(sources)
  local all, at_load = {}, {}
  for path, lines in pairs(sources) do
    local name = module_of(path)
    all[name], at_load[name] = requirements(lines)
    for wanted in pairs(all[name]) do
      local file = "lua/" .. wanted:gsub("%.", "/")
      if wanted ~= "workerpool.core" and not sources[file .. ".lua"]
        and not sources[file .. "/init.lua"] then
        complain("%s: requires %s, which does not exist", path, wanted)
      end
    end
  end
  for name in pairs(at_load) do
    local circle = path_between(at_load, name, name)
    if circle then
      complain("%s: modules load each other: %s", name,
        table.concat(circle, " -> "))
    end
  end
  for _, short in ipairs(PURE) do
    local way = path_between(all, "workerpool." .. short, "workerpool.core")
    if way then
      complain("%s is to be pure, but: %s", way[1], table.concat(way, " -> "))
    end
  end
end

---- docs/architecture.md -----------------------------------------------------

local ARCHITECTURE = "docs/architecture.md"

-- The names in the first column of the table that is headed so.
local function names_in_table(lines, head)
  local names, is_in = {}, false
  for _, line in ipairs(lines) do
    if line:sub(1, #head) == head then is_in = true end
    if line == "" then is_in = false end
    local cell = is_in and line:match("^| (`[^|]*) |") or ""
    for name in cell:gmatch("`([^`]+)`") do names[name:gsub("%.h$", "")] = true end
  end
  return names
end

-- Every room is described, and what is described is there.
local function check_described(lines, folder, paths)
  local named = names_in_table(lines, ("| %s | duty |"):format(folder))
  local there = {}
  for _, path in ipairs(paths) do
    local name = path:sub(#folder + 1):gsub("%.[^.]*$", "")
    there[name] = true
    if not named[name] then complain("%s: no word on %s", ARCHITECTURE, path) end
  end
  for name in pairs(named) do
    if not there[name] then complain("%s: no file is called %s%s", ARCHITECTURE, folder, name) end
  end
end

---- all files ----------------------------------------------------------------

local function check_length(path, lines)
  if #lines > LONGEST and not path:find("%.d%.lua$") then
    complain("%s: %d lines, more than %d", path, #lines, LONGEST)
  end
end

-- Spelled so that this file does not find itself.
local LEFT_OPEN = { "TO" .. "DO", "FIX" .. "ME", "XX" .. "X" }
local NOT_RUN = { "pend" .. "ing", "xit", "xdescribe" }

local function check_words(path, lines)
  for n, line in ipairs(lines) do
    for _, word in ipairs(LEFT_OPEN) do
      if line:find("%f[%w]" .. word .. "%f[%W]") then
        complain("%s:%d: %s", path, n, word)
      end
    end
    if line:find("%s$") then complain("%s:%d: blank at the end", path, n) end
    if line:find("\t", 1, true) then complain("%s:%d: a tab", path, n) end
  end
end

local function check_all_run(path, lines)
  for n, line in ipairs(lines) do
    for _, word in ipairs(NOT_RUN) do
      if line:find("%f[%w_.]" .. word .. "%s*[%(\"']") then
        complain("%s:%d: %s: a test that does not run", path, n, word)
      end
    end
  end
end

---- main ---------------------------------------------------------------------

for _, path in ipairs(files_in("src", "*.[ch]")) do
  local lines = read(path)
  check_includes(path, lines)
  check_allocation(path, lines)
  check_width(path, lines)
  check_length(path, lines)
  check_words(path, lines)
end

local sources = {}
for _, path in ipairs(files_in("lua", "*.lua")) do
  local lines = read(path)
  if not path:find("%.d%.lua$") then sources[path] = lines end
  check_length(path, lines)
  check_words(path, lines)
end
check_requires(sources)

for _, path in ipairs(files_in("spec", "*.lua")) do
  local lines = read(path)
  check_words(path, lines)
  if path:find("_spec%.lua$") then check_all_run(path, lines) end
end

for _, path in ipairs(files_in("examples", "*.lua")) do
  check_words(path, read(path))
end

-- Trees that are made for specs of this file have none.
if #files_in("docs", "architecture.md") > 0 then
  local lines = read(ARCHITECTURE)
  check_described(lines, "src/", files_in("src", "*.[ch]"))
  check_described(lines, "lua/workerpool/", files_in("lua/workerpool", "*.lua"))
end

table.sort(complaints)
for _, text in ipairs(complaints) do io.stderr:write(text, "\n") end
os.exit(#complaints == 0)
