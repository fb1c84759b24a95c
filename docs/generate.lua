--[[
Writes what of the manual is made from the sources:

  docs/reference.md       from the annotations of public functions
  docs/options.md         from lua/workerpool/options.lua
  docs/types/options.d.lua  the same, for editors (LuaLS)

  lua5.4 docs/generate.lua [--check]

With --check nothing is written; the exit status is 1 when a file is not as it
would be written, or when a public function has no annotation.
]]

local options = require "workerpool.options"
local workerpool = require "workerpool"

local SOURCES = "lua/workerpool/"
local problems = {}

local function problem(text, ...)
  problems[#problems + 1] = text:format(...)
end

-- ---- reading annotations -------------------------------------------------------

-- "name? type text" of a ---@param, "type name text" of a ---@return. A type
-- may have blanks inside of brackets and quotes, and behind "fun".
local function split_type(text)
  local depth, i, is_quoted = 0, 1, false
  while i <= #text do
    local c = text:sub(i, i)
    if c:find("[%(%{%[<]") then depth = depth + 1 end
    if c:find("[%)%}%]>]") then depth = depth - 1 end
    if c == '"' then is_quoted = not is_quoted end
    local is_open = depth > 0 or is_quoted
      or text:sub(i - 1, i - 1) == ":" or text:sub(1, i - 1):find("[|,]$")
    if c == " " and not is_open then break end
    i = i + 1
  end
  return text:sub(1, i - 1), text:sub(i + 1)
end

local function new_block() return { text = {}, params = {}, returns = {} } end

local function add_tag(block, tag, rest)
  if tag == "param" then
    local name, more = rest:match("^(%S+)%s+(.*)$")
    local kind, text = split_type(more)
    table.insert(block.params, { name = name, kind = kind, text = text })
  elseif tag == "return" then
    local kind, text = split_type(rest)
    table.insert(block.returns, { kind = kind, text = text })
  end
end

-- "WorkerPool:map" and its parameters of a line of Lua, or nil.
local function definition(line)
  local name, params = line:match("^%s*local function ([%w_]+)(%b())")
  if not name then name, params = line:match("^%s*function ([%w_.:]+)(%b())") end
  if not name then name = line:match("^([%w_.]+) = ") end
  return name, params
end

local function arguments_of(block)
  local list = {}
  for i, param in ipairs(block.params) do list[i] = param.name:gsub("%?$", "") end
  return "(" .. table.concat(list, ", ") .. ")"
end

-- The annotated functions of a file by name, and in order.
local function parse(path)
  local found, block = {}, nil
  for line in io.lines(path) do
    local text = line:match("^%s*%-%-%-(.*)$")
    if text and text:sub(1, 1) ~= "-" then
      block = block or new_block()
      local tag, rest = text:match("^@(%w+)%s*(.*)$")
      if tag then add_tag(block, tag, rest)
      else table.insert(block.text, (text:gsub("^ ", ""))) end
    else
      local name, params = definition(line)
      if block and name then
        block.name, block.signature = name, params or arguments_of(block)
        found[name] = block
        found[#found + 1] = block
      end
      block = nil
    end
  end
  return found
end

local files = {}
local function file(name)
  local path = name:find("/", 1, true) and name or SOURCES .. name
  files[path] = files[path] or parse(path)
  return files[path]
end

-- ---- the reference ----------------------------------------------------------------

local lines
local function out(text, ...)
  lines[#lines + 1] = select("#", ...) > 0 and text:format(...) or text
end

local function cell(kind) return "`" .. kind:gsub("|", " or ") .. "`" end

local function write_list(title, items)
  for _, item in ipairs(items) do
    local name = item.name and ("`%s` "):format(item.name) or title .. " "
    out("- %s%s%s", name, cell(item.kind), item.text ~= "" and ": " .. item.text or "")
  end
end

local function write_function(title, block)
  if not block then return problem("%s has no annotation", title) end
  out("### %s%s", title, block.signature)
  out ""
  if #block.text > 0 then
    out(table.concat(block.text, "\n"))
    out ""
  end
  write_list("", block.params)
  write_list("returns", block.returns)
  if #block.params + #block.returns > 0 then out "" end
end

-- What `workerpool` has, by the file and the name that it has there.
local FUNCTIONS = {
  { "with", "pool.lua", "with" }, { "cpu_count", "cpus.lua", "count" },
  { "range", "range.lua", "range" }, { "single", "source.lua", "single" },
  { "chunk_tasks", "chunk.lua", "chunk_tasks" }, { "is_error", "errors.lua", "is_error" },
  { "is_worker", "init.lua", "workerpool.is_worker" }, { "emit", "init.lua", "workerpool.emit" },
  { "register_class", "names.lua", "names.register_class" },
  { "Array", "shared.lua", "shared.Array" }, { "Value", "shared.lua", "shared.Value" },
  { "Lock", "shared.lua", "shared.Lock" }, { "Event", "shared.lua", "shared.Event" },
  { "Semaphore", "shared.lua", "shared.Semaphore" }, { "Barrier", "shared.lua", "shared.Barrier" },
  { "Queue", "shared.lua", "shared.Queue" }, { "Dict", "shared.lua", "shared.Dict" },
}
local NO_FUNCTIONS = { _VERSION = true, WorkerPool = true, TaskError = true }

local function write_module()
  out "## The module"
  out ""
  local known = {}
  for _, f in ipairs(FUNCTIONS) do
    known[f[1]] = true
    write_function("workerpool." .. f[1], file(f[2])[f[3]])
  end
  for name in pairs(workerpool) do
    if not known[name] and not NO_FUNCTIONS[name] then
      problem("workerpool.%s is not in docs/generate.lua", name)
    end
  end
end

-- All annotated methods of a class that lie in a file as Class:name or
-- Class.name.
local function write_class(title, class, sources)
  out("## %s", title)
  out ""
  for _, source in ipairs(sources) do
    for _, block in ipairs(file(source)) do
      local name = block.name:match("^" .. class .. "[.:]([%w_]+)$")
        or block.name:match("^class:([%w_]+)$")
      if name and name:sub(1, 2) ~= "__" then
        local link = block.name:find(".", 1, true) and name == "new" and "." or ":"
        write_function(class .. link .. name, block)
      end
    end
  end
end

-- Methods that users see have annotations; others begin in lower case, too,
-- so this list says which are none of theirs.
local INTERNAL = {
  crew_for = true, dismiss = true, disband = true, has_pending = true, target_of = true,
  after_run = true,
}

local function check_methods(class, methods, sources)
  for name, value in pairs(methods) do
    if type(value) == "function" and type(name) == "string" and name:sub(1, 2) ~= "__"
      and not INTERNAL[name] then
      local found = false
      for _, source in ipairs(sources) do
        local f = file(source)
        found = found or f[class .. ":" .. name] or f[class .. "." .. name] or f["class:" .. name]
      end
      if not found then problem("%s:%s has no annotation", class, name) end
    end
  end
end

local SHARED = "docs/types/shared.d.lua"

local function metatable_of(object) return getmetatable(object).__index end

local function methods_of(object)
  local index = metatable_of(object)
  if type(index) == "function" then
    local _, methods = debug.getupvalue(index, 1)
    return methods
  end
  return index
end

local function check_shared()
  local made = {
    Array = workerpool.Array("i", 1), Value = workerpool.Value("i"), Event = workerpool.Event(),
    Semaphore = workerpool.Semaphore(), Barrier = workerpool.Barrier(1),
    Queue = workerpool.Queue(1), Dict = workerpool.Dict { capacity = 1 },
  }
  local lockable = file(SHARED)
  for class, object in pairs(made) do
    local methods = {}
    for name, f in pairs(methods_of(object)) do
      if not lockable["Lockable:" .. name] then methods[name] = f end
    end
    check_methods(class, methods, { SHARED })
  end
end

local ERROR_FIELDS = "The error of a failed task: a table with a text (`tostring`) and fields:"

local function write_error_fields()
  out "## TaskError"
  out ""
  out(ERROR_FIELDS)
  out ""
  for line in io.lines(SOURCES .. "errors.lua") do
    local name, rest = line:match("^%-%-%-@field (%S+) (.*)$")
    if name then
      local kind, text = split_type(rest)
      out("- `%s` %s%s", name, cell(kind), text ~= "" and ": " .. text or "")
    end
  end
  out ""
end

local POOL = { "pool.lua", "setters.lua", "insights.lua" }

local function reference()
  lines = {}
  out "# Reference"
  out ""
  out "<!-- Written by docs/generate.lua from the annotations in the sources. -->"
  out ""
  out "Options are in [their own list](options.md). Wrong use of a function raises an error at"
  out "the caller's line that says what came and what was wanted."
  out ""
  write_module()
  write_class("WorkerPool", "WorkerPool", POOL)
  check_methods("WorkerPool", workerpool.WorkerPool, POOL)
  write_class("AsyncResult", "AsyncResult", { "async_result.lua" })
  write_error_fields()
  write_class("Objects with a lock: Lock, Array, Value", "Lockable", { SHARED })
  for _, class in ipairs { "Array", "Value", "Event", "Semaphore", "Barrier", "Queue", "Dict" } do
    write_class(class, class, { SHARED })
  end
  check_shared()
  return table.concat(lines, "\n"):gsub("\n*$", "\n")
end

-- ---- options ----------------------------------------------------------------------

local CALLS = {
  { "constructor", "WorkerPool { … }", "workerpool.PoolOptions" },
  { "map", "map, map_unordered, imap, imap_unordered", "workerpool.MapOptions" },
  { "apply", "apply, apply_async", "workerpool.ApplyOptions" },
  { "progress", "progress_bar_options", "workerpool.ProgressOptions" },
  { "chunk", "chunk_tasks", "workerpool.ChunkOptions" },
}

local function option_pages()
  lines = {}
  out "# Options"
  out ""
  out "<!-- Written by docs/generate.lua from lua/workerpool/options.lua. -->"
  out ""
  out "An unknown name, or a value of another kind, is refused by name."
  for _, call in ipairs(CALLS) do
    out ""
    out("## %s", call[2])
    out ""
    out "| option | wanted | default | what it does |"
    out "| --- | --- | --- | --- |"
    for _, o in ipairs(options.describe(call[1])) do
      out("| `%s` | %s | %s | %s |", o.name, o.wanted, o.default_text, o.text)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local LUA_TYPES = { integer = "integer", number = "number", boolean = "boolean", string = "string" }

local function option_types()
  lines = { "---@meta", "-- Written by docs/generate.lua from lua/workerpool/options.lua." }
  for _, call in ipairs(CALLS) do
    out ""
    out("---@class %s", call[3])
    for _, o in ipairs(options.describe(call[1])) do
      out("---@field %s? %s %s", o.name, LUA_TYPES[o.type] or "any", o.text)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

-- ---- writing ----------------------------------------------------------------------

local function read(path)
  local f <close> = io.open(path, "rb")
  return f and f:read("a")
end

local function write(path, text)
  local f <close> = assert(io.open(path, "wb"))
  assert(f:write(text))
end

local is_check = arg[1] == "--check"
for path, make in pairs {
  ["docs/reference.md"] = reference,
  ["docs/options.md"] = option_pages,
  ["docs/types/options.d.lua"] = option_types,
} do
  local text = make()
  if is_check and read(path) ~= text then
    problem("%s is not as its sources say: run `make docs`", path)
  elseif not is_check then
    write(path, text)
  end
end

for _, text in ipairs(problems) do io.stderr:write("generate: ", text, "\n") end
os.exit(#problems == 0)
