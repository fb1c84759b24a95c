-- For failing.c: single tasks.

local workerpool = require "workerpool"

return function()
  local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
  local called
  local results = {}
  for i = 1, 6 do
    results[i] = pool:apply_async(function(...) return select("#", ...), ... end, { i, "text", { i } },
      { callback = function() called = true end })
  end
  for i = 1, 6 do
    local n, number, text, list = results[i]:get()
    if n ~= 3 or number ~= i or text ~= "text" or list[1] ~= i then return false end
  end
  return called
end
