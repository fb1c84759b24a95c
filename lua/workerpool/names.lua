-- What both sides of a message have already, and call by a name: loaded
-- modules, their functions, the metatables of classes. The codec (in C) asks
-- here; which things have names is decided in this file alone.
--
-- A name is a letter and what is to be looked up:
--   m MODULE            a loaded module; _G, too
--   f MODULE \0 FIELD   what the module has under that key
--   c CLASS             a metatable given to register_class
--   k HOME CLASS        the same, and what to load where the class is not registered:
--                       one of the above, or l MODULE, which registers it
--   r NAME              a metatable made by luaL_newmetatable
--
-- Names are collected when they are first needed, and again when something
-- has none and modules have been loaded since. A name is checked before it is
-- used: a module may have put another function in its place.

local core = require "workerpool.core"
local snapshot = require "workerpool.snapshot"

local names = {}

local WEAK_KEYS = { __mode = "k" }

-- value -> name: what travels by name, and metatables of what travels. They
-- keep nothing alive but what is in `classes`.
local values = setmetatable({}, WEAK_KEYS)
local metatables = setmetatable({}, WEAK_KEYS)
local classes = {}                               -- name -> metatable
local class_names = setmetatable({}, WEAK_KEYS)  -- metatable -> name
local homes = setmetatable({}, WEAK_KEYS)        -- metatable -> module that registers it
local full_names = setmetatable({}, WEAK_KEYS)   -- metatable -> "c…" or "k…"
local known = setmetatable({}, { __mode = "v" }) -- modules collected last

local loaded = package.loaded
local registry = debug.getregistry()
local getinfo = debug.getinfo
local next, rawequal, rawget, type = next, rawequal, rawget, type

-- ---- collecting --------------------------------------------------------------

local function add(map, value, name)
  if not map[value] then
    map[value] = name
    if map == values then core.note_name(value) end
  end
end

-- A Lua function that is merely global belongs to the script, which the other
-- side need not have.
local function is_shared_function(module, f)
  return module ~= _G or getinfo(f, "S").what == "C"
end

-- A table in a module may be a class, which only makes sense by name, or
-- data, which only makes sense by value.
local function collect_field(module, name, field, value)
  local kind, path = type(value), "f" .. name .. "\0" .. field
  if kind == "function" then
    if is_shared_function(module, value) then add(values, value, path) end
  elseif kind == "table" then
    add(metatables, value, path)
    if rawget(value, "__index") ~= nil then add(values, value, path) end
  end
end

local function collect_module(name, module)
  for field, value in next, module do
    if type(field) == "string" then collect_field(module, name, field, value) end
  end
end

-- Some are loaded under several names: the shortest is the best known.
local function module_names()
  local list = {}
  for name in next, loaded do
    if type(name) == "string" then list[#list + 1] = name end
  end
  table.sort(list, function(a, b)
    if #a ~= #b then return #a < #b end
    return a < b
  end)
  return list
end

local function clear(map)
  for key in next, map do map[key] = nil end
end

local function collect()
  clear(values)
  clear(metatables)
  clear(known)
  clear(full_names)
  local list = module_names()
  for _, name in ipairs(list) do
    local module = loaded[name]
    known[name] = module
    if type(module) == "table" or type(module) == "function" then
      add(values, module, "m" .. name)
    end
    if type(module) == "table" then add(metatables, module, "m" .. name) end
  end
  for _, name in ipairs(list) do
    if type(loaded[name]) == "table" then collect_module(name, loaded[name]) end
  end
end

local function is_known()
  for name, module in next, loaded do
    if type(name) == "string" and not rawequal(known[name], module) then
      return false
    end
  end
  return true
end

--- Looks for new names when modules have been loaded, or in any case.
---@param _ any
---@param thorough? boolean
---@return boolean changed
function names.refresh(_, thorough)
  if not thorough and is_known() then return false end
  collect()
  return true
end

-- ---- looking up -------------------------------------------------------------

-- The length of what stands before the name of a class.
local HOME = "s4"

-- "k…" in its two parts. It may have come from anybody.
local function parts_of(text)
  local ok, home, at = pcall(string.unpack, HOME, text)
  if not ok then return "", text end
  return home, text:sub(at)
end

local function in_module(module, field)
  local found = loaded[module]
  if type(found) == "table" then return rawget(found, field) end
end

-- What has the name now, or nil.
local peek
function peek(name)
  local kind, text = name:sub(1, 1), name:sub(2)
  if kind == "m" then return loaded[text] end
  if kind == "f" then return in_module(text:match("^(.-)%z(.*)$")) end
  if kind == "c" then return classes[text] end
  if kind == "k" then
    local home, class = parts_of(text)
    return classes[class] or home:find("^[mf]") and peek(home) or nil
  end
  if kind == "r" and type(registry[text]) == "table" then
    return registry[text]
  end
end

local function missing(name)
  local kind, text = name:sub(1, 1), name:sub(2)
  if kind == "f" then
    local module, field = text:match("^(.-)%z(.*)$")
    return ("'%s' of module '%s' is not available in this process"):format(
      field or text, module or "?")
  elseif kind == "c" or kind == "k" then
    if kind == "k" then text = select(2, parts_of(text)) end
    return ("class '%s' is not registered in this process (use "
      .. "workerpool.register_class)"):format(text)
  end
  local what = kind == "r" and "metatable" or "module"
  return ("%s '%s' is not available in this process"):format(what, text)
end

-- Loads the module of a name. Why it cannot be loaded is said in the error.
local function load_module(name)
  if name:sub(1, 1) == "k" then
    local home, class = parts_of(name:sub(2))
    if classes[class] then return end
    name = home
  end
  local module = name:match("^[ml](.*)$") or name:match("^f(.-)%z")
  if not module or loaded[module] ~= nil then return end
  local ok, reason = pcall(require, module)
  if not ok then
    error(("module '%s' is not available in this process: %s"):format(
      module, tostring(reason)), 0)
  end
end

--- What a name stands for, in the process that receives it.
---@param _ any
---@param name string
---@param trusted boolean whether the sender may make us load modules
---@return any
function names.find(_, name, trusted)
  if trusted then load_module(name) end
  local value = peek(name)
  -- What luaL_newmetatable made is for userdata, and never itself sent.
  if value == nil or name:sub(1, 1) == "r" then error(missing(name), 0) end
  return value
end

function names.find_metatable(_, name, trusted)
  if trusted then load_module(name) end
  local found = peek(name)
  if type(found) ~= "table" then error(missing(name), 0) end
  return found
end

local function checked(value, name)
  if name and rawequal(peek(name), value) then return name end
end

-- What brings the class with it where nothing is inherited: the module that has
-- registered it, when it was loaded, or else one that has it. A module whose loading
-- has not ended may be the program, and what is merely global is the script's.
local function home_of(mt)
  local module, place = homes[mt], checked(mt, metatables[mt])
  if module then return loaded[module] ~= nil and "l" .. module or nil end
  if place and place ~= "m_G" and not place:find("^f_G%z") then return place end
end

local function of_class(mt)
  local name = full_names[mt]
  if name then return name end
  local class = class_names[mt]
  if not class then return nil end
  names.refresh()
  local home = home_of(mt)
  name = home and "k" .. string.pack(HOME, home) .. class or "c" .. class
  if home or not homes[mt] then full_names[mt] = name end
  return name
end

local function of_metatable(mt)
  local class = of_class(mt)
  if class then return class end
  local name = checked(mt, metatables[mt])
  if name then return name end
  name = rawget(mt, "__name")
  return type(name) == "string" and checked(mt, "r" .. name) or nil
end

--- The name of a metatable, or nil.
---@param _ any
---@param mt table
---@return string?
function names.of_metatable(_, mt)
  local name = of_metatable(mt)
  if name then return name end
  collect()
  return of_metatable(mt)
end

--- The reference or the name of a value, or nil.
---@param refs? workerpool.Names
---@param value any
---@return integer|string|nil
function names.of(refs, value)
  local id = refs and refs:id_of(value)
  if id then return id end
  local class = of_class(value)
  if class then return class end
  return checked(value, values[value])
end

-- ---- classes ------------------------------------------------------------------

local function check_class(name, mt)
  if type(name) ~= "string" or name == "" then
    error(("bad argument #1 to 'register_class' (non-empty string expected, got %s)"):format(
      name == "" and "an empty one" or type(name)), 3)
  elseif type(mt) ~= "table" then
    error(("bad argument #2 to 'register_class' (metatable expected, got %s)"):format(
      type(mt)), 3)
  elseif classes[name] and not rawequal(classes[name], mt) then
    error(("bad argument #1 to 'register_class' (another class is called '%s')"):format(
      name), 3)
  end
end

-- The module that is being loaded: what `require`, somewhere on the stack, was given.
local function loading_module()
  for level = 3, math.huge do
    local info = getinfo(level, "f")
    if not info then return nil end
    if info.func == require then
      local _, name = debug.getlocal(level, 1)
      return type(name) == "string" and name or nil
    end
  end
end

--- Gives a metatable a name, so that objects which have it can travel. The
--- other side must know the class by the same name: a forked worker does,
--- when the class was registered before; others load the module that has
--- registered it, or has it.
---@param name string
---@param mt table
function names.register_class(name, mt)
  check_class(name, mt)
  classes[name] = mt
  class_names[mt] = class_names[mt] or name
  homes[mt] = homes[mt] or loading_module()
  full_names[mt] = nil
  core.note_name(mt)
end

-- ---- references -----------------------------------------------------------------

--- What was there when a worker was forked, and is there too, in its copy of
--- our memory: found by number.
---@class workerpool.Names
local Names = {}
Names.__index = Names
Names.__name = "workerpool.Names"

---@return workerpool.Names
function names.new()
  return setmetatable({
    _values = {},    -- id -> value
    _ids = {},       -- value -> id
    _direct = {},    -- value -> true: travels by reference, function or not
    _snapshots = {}, -- function -> its upvalues then
  }, Names)
end

--- Remembers a value that every worker forked from now on has.
---
--- A function travels as a reference as long as its upvalues are what they
--- were (tables by identity, also those of functions in its upvalues);
--- then by value. Everything else travels as a reference when `direct` is
--- true, and as if it were not remembered when it is not.
---@param value any not nil
---@param direct? boolean
---@return integer id
function Names:remember(value, direct)
  if value == nil then
    error("bad argument #1 to 'remember' (value expected, got nil)", 2)
  end
  local id = self._ids[value]
  if not id then
    id = #self._values + 1
    self._values[id], self._ids[value] = value, id
  end
  if type(value) == "function" then
    -- The first snapshot stays: workers may have been forked since.
    self._snapshots[value] = self._snapshots[value] or snapshot.of(value, values)
  elseif direct and (type(value) == "table" or type(value) == "userdata") then
    self._direct[value] = true
    core.note_name(value)
  end
  return id
end

--- Does a value travel by a name?
---@param value any not nil
---@return boolean
function Names.has_name(_, value)
  return values[value] ~= nil
end

--- Remembers a function of Lua's if it could not travel by value, and such among those
--- that it uses.
---@param f function
function Names:remember_stuck(f)
  if self._ids[f] or not snapshot.may_be_stuck(f, values) then return end
  local list = snapshot.of(f, values)
  if not snapshot.is_stuck(list, values) then return end
  self._snapshots[f] = list
  self:remember(f)
  for i = 2, #list do self:remember_stuck(list[i][1]) end
end

---@param value any
---@return integer? id when the value may travel as a reference now
function Names:id_of(value)
  local id = self._ids[value]
  if not id then return nil end
  if self._direct[value] then return id end
  local before = self._snapshots[value]
  return before and snapshot.is_unchanged(before) and id or nil
end

--- A snapshot of a function which goes out as the same bytes for as long as the
--- snapshot is unchanged, or nil: then it has to be looked at anew each time.
---@param f function
---@return table?
function Names:settled(f)
  if self:id_of(f) then return self._snapshots[f] end
  local list = snapshot.of(f, values)
  local named = setmetatable({}, {
    __index = function(_, value) return values[value] or self._direct[value] end,
  })
  return snapshot.is_settled(list, named) and list or nil
end

---@param id integer
---@return any value nil when there is none
function Names:value_of(id)
  return self._values[id]
end

--- What a reference stands for, in the process that receives it.
---@param refs? workerpool.Names
---@param id integer
---@return any
function names.recall(refs, id)
  local value = refs and refs:value_of(id)
  if value == nil then
    error(("reference %d is not available in this process"):format(id), 0)
  end
  return value
end

return names
