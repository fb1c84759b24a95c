-- A finalizer that ran between a worker's word and its reading, and waited for another
-- word of the pool, had the first one lost: a map waited for ever, or had wrong results.
-- Now it is refused.

local finalizer = require "spec.support.finalizer"
local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local check = finalizer.check

local function same(...) return ... end
local function fail_once(counts, i)
  if counts:add(i, 1) == 1 then error("once", 0) end
  return i
end

local REFUSED = "cannot wait for the "

describe("A finalizer that waits for its pool", function()
  helper.guard()

  before_each(finalizer.prepare)
  after_each(finalizer.restore)

  for n_jobs = 0, 1 do
    for _, method in ipairs { "map", "map_unordered", "imap" } do
      it(("loses no result of %s, with %d workers"):format(method, n_jobs), function()
        local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs, keep_alive = true }
        local counts = workerpool.Array("i", 5)
        finalizer.everywhere(3, function(place)
          local other = pool:apply_async(same, { place })
          for i = 1, 5 do counts[i] = 0 end
          return finalizer.call_with(place, function()
            local ok, got = pcall(other.get, other)
            if ok then check(place, got, place)
            elseif not tostring(got):find(REFUSED, 1, true) then error(got, 0) end
          end, function()
            local seen, tasks = 0, { { counts, 1 }, { counts, 2 }, { counts, 3 }, { counts, 4 },
              { counts, 5 } }
            local options = { chunk_size = 1, retries = 1 }
            if method == "imap" then
              for i, value in pool:imap(fail_once, tasks, options) do
                check(place, value, i)
                seen = seen + value
              end
            else
              for _, value in ipairs(pool[method](pool, fail_once, tasks, options)) do
                seen = seen + value
              end
            end
            check(place, seen, 15)
            check(place, other:get(), place)
          end)
        end)
      end)
    end
  end
end)
