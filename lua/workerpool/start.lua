-- What the start methods other than fork need: a program to execute, and the
-- setup of a worker as bytes.

local core = require "workerpool.core"
local names = require "workerpool.names"

local BOOTSTRAP = "package.path = %q package.cpath = %q "
  .. "require('workerpool.spawned').main()"

local function name_of(path) return path:match("[^/]*$") end

-- "lua", "lua5.4", "lua-5.4" and so on; "luanti" is a game.
local function is_interpreter(path)
  return name_of(path):find("^lua[%d.-]*$") ~= nil
end

local function words_for(path)
  if not is_interpreter(path) then return path end
  return path, "-e", BOOTSTRAP:format(package.path, package.cpath)
end

-- The interpreter that runs this program. A host that embeds Lua is none, and
-- would start itself once more; the program `workerpool` knows what to do.
local function program()
  local path = core.program()
  if is_interpreter(path) or name_of(path):find("^workerpool") then return words_for(path) end
  local given = os.getenv("WORKERPOOL_PROGRAM")
  if given then return words_for(given) end
  error(("start_method: %s is no Lua interpreter; set $WORKERPOOL_PROGRAM to the "
    .. "program that is to run workers, such as /usr/local/bin/workerpool"):format(path), 0)
end

--- The arguments of core.engine for a start method.
---@param method string
---@return string method
---@return string ...
local function words(method)
  if method == "fork" then return "fork" end
  if method == "threading" then return method, package.path, package.cpath end
  return method, program()
end

-- Nothing is inherited, so everything has to travel.
local TRAVELS = {
  "pass_worker_id", "has_shared", "shared_objects", "use_worker_state", "init",
  "exit", "init_timeout", "exit_timeout", "seed", "daemon", "cpu_sets", "start_method",
  "memory_limit", "worker_max_memory",
}

-- A path names what the caller has given by the caller's name for it.
local CALLED = { init = "worker_init", exit = "worker_exit" }
local function by_option(message)
  return (message:gsub("^cannot send worker%[1%]%.([%a_]+)", function(name)
    return "cannot send " .. (CALLED[name] or name)
  end))
end

--- A worker's setup as bytes. Raises when something in it cannot travel.
---@param setup workerpool.Setup
---@param level integer as in error()
---@return string
local function encoded(setup, level)
  local copy = {}
  for _, name in ipairs(TRAVELS) do copy[name] = setup[name] end
  local codec = core.codec(names.new())
  local ok, bytes = pcall(codec.encode_as, codec, "worker", copy)
  if ok then return codec:encode(core.shared_address()) .. bytes end
  error(("start_method '%s' sends workers what they are given: %s")
    :format(setup.start_method, by_option(bytes)), level + 1)
end

return { words = words, encoded = encoded }
