-- A finalizer that ran between two lines of the pool's own, and sent a task there or
-- changed a setting, had tasks lost, done by another function, ended or told twice:
--   between the last look at what is left to do and the leaving of the workers: a task
--     that was to be tried again was not, and its `get` was told of a terminated pool;
--   where a crew had been chosen for a call that had not begun: it was sent away;
--   between a function and its arguments: the function's memory was given back;
--   while a task was refused: it was ended once more.

local finalizer = require "spec.support.finalizer"
local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local check = finalizer.check

local function last(...) return select(-1, ...) end
local function fail() error("mine", 0) end

local REFUSED = "a codec cannot write while"

describe("A finalizer between any two lines", function()
  helper.guard()

  before_each(finalizer.prepare)
  after_each(finalizer.restore)

  -- A result that the finalizer has, or none.
  local function send(pool, ...)
    local ok, result = pcall(pool.apply_async, pool, ...)
    if ok then return result end
    if not tostring(result):find(REFUSED, 1, true) then error(result, 0) end
  end

  local function check_result(place, result, wanted)
    if not result then return end
    local ok, value = pcall(result.get, result)
    if ok or type(value) ~= "table" then return check(place, value, wanted) end
    if not value.message:find(REFUSED, 1, true) then check(place, value.kind, wanted) end
  end

  for n_jobs = 0, 1 do
    for _, ending in ipairs { "map", "stop_and_join" } do
      it(("sends what workers do before they leave: %s, with %d of them"):format(ending, n_jobs), function()
        finalizer.everywhere(n_jobs == 0 and 1 or 2, function(place)
          local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs, keep_alive = true }
          check(place, pool:map(last, { 5 })[1], 5)
          pool:set_keep_alive(false)
          local result
          local has_acted = finalizer.call_with(place, function()
            result = send(pool, fail, {}, { retries = 2 })
          end, function()
            if ending == "map" then return check(place, pool:map(last, { 5 })[1], 5) end
            pool:stop_and_join()
          end)
          check_result(place, result, "error")
          return has_acted
        end)
      end)
    end

    for _, method in ipairs { "map", "imap", "apply" } do
      it(("sets what counts for later calls: %s, with %d workers"):format(method, n_jobs), function()
        local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs, keep_alive = true }
        pool:apply(last, { 1 })
        finalizer.everywhere(n_jobs == 0 and 1 or 2, function(place, number)
          local result
          local has_acted = finalizer.call_with(place, function()
            pool:pass_on_worker_id(number % 2 == 0)
            result = send(pool, last, { -1 })
          end, function()
            if method == "map" then
              check(place, pool:map(last, { 5 })[1], 5)
            elseif method == "apply" then
              check(place, pool:apply(last, { 5 }), 5)
            else
              for _, value in pool:imap(last, { 5 }) do check(place, value, 5) end
            end
          end)
          check_result(place, result, -1)
          return has_acted
        end)
      end)
    end

    it(("sends another function than is sent just then, with %d workers"):format(n_jobs), function()
      local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs, keep_alive = true }
      finalizer.everywhere(n_jobs == 0 and 1 or 2, function(place)
        local result
        local has_acted = finalizer.call_with(place, function()
          result = send(pool, function() return -place end)
        end, function()
          check(place, pool:apply(function(x) return x + place end, { 5 }), 5 + place)
        end)
        check_result(place, result, -place)
        return has_acted
      end)
    end)

    for _, arg in ipairs { 5, io.stdout } do
      it(("ends the pool, and each task once: %s, with %d workers"):format(type(arg), n_jobs), function()
        local pool <close> = workerpool.WorkerPool { n_jobs = n_jobs, keep_alive = true }
        finalizer.everywhere(n_jobs == 0 and 1 or 2, function(place)
          local told, ok, err = 0, nil, nil
          local function tell() told = told + 1 end
          pool:apply(last, { 1 })
          local has_acted = finalizer.call_with(place, function() pool:terminate() end, function()
            ok, err = pcall(function()
              pool:apply_async(last, { arg }, { callback = tell, error_callback = tell }):wait()
            end)
          end)
          pool:stop_and_join()
          if ok then check(place, told, 1) else check(place, err.kind, "cancelled") end
          return has_acted
        end)
      end)
    end
  end
end)
