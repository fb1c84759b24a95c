-- A call that failed leaves a pool that works.
local workerpool = require "workerpool"
local calm = calm -- luacheck: ignore

local function sum_of(pool)
  local sum = 0
  for _, v in ipairs(pool:map(function(x) return x * 2 end, { 1, 2, 3, 4 })) do sum = sum + v end
  return sum
end

return function()
  local pool <close> = workerpool.WorkerPool { n_jobs = 2, keep_alive = true }
  local ok, answer = pcall(sum_of, pool)
  calm()
  local again = sum_of(pool)
  if not ok then error(answer, 0) end
  return answer == 20 and again == 20
end
