-- How the end of a worker is told: that it was late, or has crashed, in what, and what
-- may have been the cause.

local clock = require "workerpool.clock"
local errors = require "workerpool.errors"
local oom = require "workerpool.oom"

local SIGKILL = 9

-- The phases as the engine and as errors.crash call them.
local PHASES = { init = "worker_init", exit = "worker_exit" }

local START_HINT = "it could not be started, or could not load what it needs; "
  .. "see what it wrote to standard error"

local STRANGE = "the program that was executed for it has not joined the pool; see "
  .. "$WORKERPOOL_PROGRAM"

local OOM_HINT = "the kernel killed a process for want of memory just then; see memory_limit"

--- The error for what a worker's end has cost.
---@param ending table of the engine, explained by the clock
---@param w integer
---@param fields? table others of the error
local function crash_of(ending, w, fields)
  fields = fields or {}
  fields.worker_id, fields.output = w, ending.output
  if ending.timeout then return clock.error_of(ending, fields) end
  fields.signal = ending.signal
  fields.exit_code = ending.exit_code
  fields.phase = PHASES[ending.phase] or ending.phase
  if ending.phase == "start" and ending.exit_code then fields.hint = START_HINT end
  if ending.strange then fields.hint = STRANGE
  elseif ending.signal == SIGKILL and oom.happened() then fields.hint = OOM_HINT end
  return errors.crash(fields)
end

return { of = crash_of, STRANGE = STRANGE }
