-- The Lua expression of `workerpool map`, as a function of one task.
--
-- In the expression `x` is the task. When its value is a function, as in
-- 'function(line) return line:upper() end' or 'string.upper', that function
-- is called with the task.

-- Chunks of this name, so that messages do not point into our files.
local CHUNK = "=expression"

-- One line, so that line numbers in messages are those of the expression.
local TEMPLATE = "local x = ... return %s"

local settle = load("local type, select = type, select return function(x, ...) "
  .. "if select('#', ...) == 1 and type((...)) == 'function' then return (...)(x) end "
  .. "return ... end", CHUNK)()

--- Compiles an expression: a function of the task, or nil and a message.
---@param source string
---@return function? f
---@return string? message
local function compile(source)
  if not source:find("%S") then return nil, "it is empty" end
  local f, message = load(TEMPLATE:format(source), CHUNK, "t")
  if not f then return nil, message end
  return function(x) return settle(x, f(x)) end
end

return { compile = compile }
