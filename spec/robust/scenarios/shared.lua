-- For failing.c: shared memory objects.

local workerpool = require "workerpool"

return function()
  local array = workerpool.Array("d", 1000)
  local dict = workerpool.Dict { capacity = 100, bytes = 65536 }
  local queue = workerpool.Queue(10)
  local lock, event = workerpool.Lock(), workerpool.Event()
  local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
  pool:map(function(i)
    local _ <close> = lock:guard()
    array[i] = i
    dict["k" .. i] = { i, ("v"):rep(i) }
    dict:incr "count"
    queue:put { i, array }
    event:set()
    return array, dict
  end, { 1, 2, 3, 4, 5, 6, 7, 8 })
  local sum = 0
  for _ = 1, 8 do
    local message = queue:get(5)
    sum = sum + message[1] + message[2][message[1]]
  end
  local seen = 0
  for _ in pairs(dict) do seen = seen + 1 end
  return sum == 72 and dict.count == 8 and seen == 9 and event:is_set() and array:sum() == 36
end
