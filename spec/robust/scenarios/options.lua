-- For failing.c: a map with most of the options.

local workerpool = require "workerpool"

return function()
  local pool <close> = workerpool.WorkerPool {
    n_jobs = 2, enable_insights = true, use_worker_state = true, pass_worker_id = true,
  }
  local failures = 0
  local list = pool:map(function(_, state, x)
    state.n = (state.n or 0) + 1
    if x == 3 then error("on purpose") end
    if x == 5 then os.exit(3) end
    return x
  end, { 1, 2, 3, 4, 5, 6, 7, 8 }, {
    worker_init = function(_, state) state.n = 0 end,
    worker_exit = function(_, state) return state.n end,
    worker_lifespan = 3, on_error = "collect", chunk_size = 2,
  })
  for i = 1, list.n do
    -- What could not be sent for want of memory is collected as well.
    local err = workerpool.is_error(list[i]) and list[i]
    if err and err.message:find("memory") then error(err, 0) end
    if err then failures = failures + 1
    elseif list[i] ~= i then return false end
  end
  pool:get_insights()
  return failures == 2
end
