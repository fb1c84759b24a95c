-- Where many tasks failed and were tried again, those that waited were sorted for
-- each: 20,000 took two minutes. The same for the holes they left in map_unordered.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

-- As work and not as time: steps of Lua's machine in the host, in hundreds.
local function work_of(f, n)
  local steps = 0
  debug.sethook(function() steps = steps + 1 end, "", 100)
  local ok, err = pcall(f, n)
  debug.sethook()
  if not ok then error(err, 0) end
  return steps
end

describe("Four times as many tasks", function()
  helper.guard()

  local function fail() error("no") end
  local function fail_half(x) if x % 2 == 0 then error("no") end return x end

  local function mapped(method, f, opts)
    return function(n)
      local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
      opts.chunk_size = opts.whole and n or nil
      local given = {}
      for key, value in pairs(opts) do if key ~= "whole" then given[key] = value end end
      assert.are.equal(n, pool[method](pool, f, workerpool.range(n), given).n)
    end
  end

  local CASES = {
    ["that all fail and are tried again"] =
      mapped("map", fail, { retries = 1, on_error = "collect" }),
    ["that are tried again later"] =
      mapped("map", fail, { retries = 1, retry_delay = 0.3, on_error = "collect" }),
    ["of one chunk in any order, half of which are tried again"] =
      mapped("map_unordered", fail_half, { retries = 1, on_error = "collect", whole = true }),
  }

  for what, case in pairs(CASES) do
    it(what .. " are four times the work", function()
      local few, many = work_of(case, 1000), work_of(case, 4000)
      assert.is_true(many < 7 * few, ("%d and %d hundreds of steps"):format(few, many))
    end)
  end
end)
