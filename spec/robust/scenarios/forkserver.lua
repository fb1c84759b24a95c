-- For failing.c: workers from a forkserver.

local workerpool = require "workerpool"

return function()
  local pool <close> = workerpool.WorkerPool { n_jobs = 2, start_method = "forkserver" }
  local sum = 0
  for _, v in ipairs(pool:map(function(x) return x * 2 end, { 1, 2, 3, 4 })) do sum = sum + v end
  return sum == 20
end
