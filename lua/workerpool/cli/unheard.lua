-- Output that nobody reads any more, as in `workerpool run x.lua | head -1`. A
-- process that goes on to print dies from SIGPIPE, and the shell says nothing;
-- when it is a worker that printed, we end with the same status and say nothing.

local errors = require "workerpool.errors"
local host = require "workerpool.cli.host"

local unheard = { STATUS = 141 } -- 128 + SIGPIPE

--- Is that behind this error?
---@param err any
---@return boolean
function unheard.explains(err)
  return errors.is_error(err) and err.signal == "SIGPIPE" and not host.is_heard()
end

return unheard
