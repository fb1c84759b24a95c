-- For failing.c: a map.

local workerpool = require "workerpool"

return function()
  local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
  local sum = 0
  for _, v in ipairs(pool:map(function(x) return x * 2 end, workerpool.range(20))) do
    sum = sum + v
  end
  return sum == 420
end
