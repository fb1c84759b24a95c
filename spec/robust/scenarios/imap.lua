-- For failing.c: a loop over lazy results.

local workerpool = require "workerpool"

return function()
  local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
  local count, bytes = 0, 0
  local function tasks()
    local i = 0
    return function()
      i = i + 1
      if i <= 12 then return { i, ("x"):rep(i * 100) } end
    end
  end
  -- Some results are longer than a piece of the ring.
  for index, text in pool:imap(function(i, s) return s:rep(i % 4 == 0 and 300 or 1) end, tasks()) do
    count = count + index
    bytes = bytes + #text
  end
  for index in pool:imap_unordered(function(x) return x end, { 1, 2, 3, 4, 5, 6 }) do
    if index == 3 then break end
  end
  return count == 78 and bytes == 725400
end
