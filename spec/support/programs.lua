-- Programs that are hosts of pools, for specs: each worker leaves a note with
-- the number of its process in a folder.

local helper = require "spec.support.helper"
local lfs = require "lfs"

local PREAMBLE = [[
  local workerpool = require "workerpool"
  local core = require "workerpool.core"
  local WorkerPool, range = workerpool.WorkerPool, workerpool.range
  local function same(...) return ... end
]]

-- A file with this Lua program; DIR in it is a folder for the notes of tasks.
local function program(source)
  local dir = helper.tmpdir()
  local head = ("local DIR = %q\n"):format(dir)
    .. "local function here() io.open(DIR .. '/' .. require('workerpool.core').getpid(), 'w'):close() end\n"
  return helper.write(helper.tmpdir() .. "/program.lua", head .. PREAMBLE .. source), dir
end

local function pids_in(dir)
  local pids = {}
  for name in lfs.dir(dir) do pids[#pids + 1] = tonumber(name) end
  return pids
end

-- The processes that have left a note, once there are `n` of them.
local function noted(dir, n)
  assert(helper.eventually(function() return #pids_in(dir) >= n end, 20), "no workers came")
  return pids_in(dir)
end

local function all_gone(pids)
  return helper.eventually(function()
    for _, pid in ipairs(pids) do
      local state = helper.state(pid)
      if state and state ~= "Z" then return false end
    end
    return true
  end, 10)
end

return { PREAMBLE = PREAMBLE, make = program, pids_in = pids_in, noted = noted, all_gone = all_gone }
