-- The matrix: every fault at every moment, for each start method. A cell is a
-- test, so the runner's count is the number of cells; table.lua lists what
-- cannot be, with the reason.

local helper = require "spec.support.helper"

helper.c_module "misdeeds"

local workerpool = require "workerpool"
local faults = require "spec.robust.matrix.faults"
local invariant = require "spec.robust.matrix.invariant"
local moments = require "spec.robust.matrix.moments"

local METHODS = { "fork", "forkserver", "spawn", "threading" }

-- Why this method cannot have this cell, or nil.
local function impossible(fault, moment, method)
  if method == "threading" then
    if not fault.in_process then return "threads share their process, or cannot be stopped" end
  end
  if fault.memory_limit and helper.sanitized then
    return "a sanitizer takes terabytes of address space"
  end
  if moment.needs_interrupts and helper.sanitized then
    return "the interpreter of the builds with a sanitizer leaves SIGINT alone"
  end
  if fault.name == "SIGSTOP" and moment.is_before_leaving and helper.scale > 1 then
    return "a stopped worker that is to leave goes on before so long a limit is over"
  end
  return moment.impossible(fault)
end

local Cell = {}
Cell.__index = Cell

function Cell:pool(more)
  local options = { n_jobs = 2, start_method = self.method,
    memory_limit = self.fault.memory_limit }
  for key, value in pairs(more or {}) do options[key] = value end
  options.memory_limit = options.memory_limit or nil
  return workerpool.WorkerPool(options)
end

--- Calls visit(cell, moment, reason) for all; reason says why there is none.
local function each(method, visit)
  for _, moment in ipairs(moments) do
    for _, fault in ipairs(faults) do
      local cell = setmetatable({ fault = fault, method = method }, Cell)
      visit(cell, moment, impossible(fault, moment, method))
    end
  end
end

--- What a cell complains of: nothing, if all is well.
---@return string[]
local function run(cell, moment)
  return invariant.check(function(complain) moment.run(cell, complain) end)
end

return { METHODS = METHODS, each = each, run = run, clean = helper.clean }
