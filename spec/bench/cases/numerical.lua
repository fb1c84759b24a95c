-- MPIRE's first workload, numerical computation: every filter of a list is laid
-- over one image that all workers share; of the convolution in full, each fifth
-- row and column is the result. Ported to Lua without a library for arrays, so
-- the image is smaller; `--full` has its size.
local kit = ...

local SIZE = 4 -- of a filter
local STEP = 5

-- The same numbers in every language: a linear congruence.
local function numbers(seed)
  local x = seed
  return function()
    x = (x * 1103515245 + 12345) % 2147483648
    return x / 2147483648
  end
end

local function make_image(size, into)
  local next_number = numbers(42)
  for i = 1, size * size do into[i] = next_number() + 0.01 end
  return into
end

local function make_filters(n)
  local next_number, filters = numbers(7), {}
  for i = 1, n do
    filters[i] = {}
    for j = 1, SIZE * SIZE do filters[i][j] = next_number() - 0.5 end
  end
  return filters
end

-- The sum of products at (x, y) of the full convolution, both from 0.
local function point(image, size, filter, x, y)
  local sum = 0.0
  for i = math.max(0, y - size + 1), math.min(SIZE - 1, y) do
    local row = (y - i) * size + 1
    for j = math.max(0, x - size + 1), math.min(SIZE - 1, x) do
      sum = sum + image[row + x - j] * filter[i * SIZE + j + 1]
    end
  end
  return sum
end

local function convolve(image, size, filter)
  local result, n = {}, size + SIZE - 1
  for y = 0, n - 1 do
    for x = 0, n - 1 do
      local sum = point(image, size, filter, x, y)
      if x % STEP == 0 and y % STEP == 0 then result[#result + 1] = sum end
    end
  end
  return result
end

local function task(shared, filter) return convolve(shared.image, shared.size, filter) end

local function checksum_of(results)
  local sum = 0.0
  for _, result in ipairs(results) do
    for _, x in ipairs(result) do sum = sum + x end
  end
  return ("%.10g"):format(sum)
end

local function with_pool(image, values)
  local filters = make_filters(values.filters)
  local shared = { image = image, size = values.size }
  collectgarbage()
  local results, private = {}, nil
  local seconds = kit.seconds(function()
    local pool <close> = kit.WorkerPool { n_jobs = 2, shared_objects = shared, keep_alive = true }
    for i, result in pool:imap(task, kit.workerpool.single(filters)) do results[i] = result end
    private = kit.private_of_workers()
  end)
  return seconds, { checksum = checksum_of(results), private = private / 2 ^ 20 }
end

return {
  place = 100, name = "numerical", rounds = 3, fixed = true,
  title = "MPIRE's numerical computation: an image that workers share, filters as tasks",
  unit = "run", serial = { { "^workerpool", "Lua, serial" }, { "^Lua", "Lua, serial" }, { "", "Python, serial" } },
  extras = { { key = "private", text = "MB private a worker", format = "%.1f" } },
  rows = { { values = { size = 200, filters = 20 } } },
  full = { size = 5000 },
  tiny = { size = 20, filters = 3 },
  ours = {
    ["workerpool"] = function(_, values)
      return with_pool(make_image(values.size, {}), values)
    end,
    ["workerpool, image in an Array"] = function(_, values)
      local array = kit.workerpool.Array("d", values.size ^ 2 // 1 | 0, { lock = false })
      return with_pool(make_image(values.size, array), values)
    end,
  },
  plain = {
    ["Lua, serial"] = function(_, values)
      local image, filters = make_image(values.size, {}), make_filters(values.filters)
      local results = {}
      local seconds = kit.seconds(function()
        for i, filter in ipairs(filters) do results[i] = convolve(image, values.size, filter) end
      end)
      return seconds, { checksum = checksum_of(results) }
    end,
  },
}
