-- MPIRE's third workload, expensive initialization: each worker loads a model
-- once, from a file; then come many small maps on workers that are kept.
local kit = ...
local has_cjson, cjson = pcall(require, "cjson")

-- A net of three layers and the images that it is to recognize, as JSON.
local function make_model(values)
  local x = 42
  local function numbers(n)
    local list = {}
    for i = 1, n do
      x = (x * 1103515245 + 12345) % 2147483648
      list[i] = (x >> 8) % 2001 / 1000 - 1
    end
    return list
  end
  local function rows(n, width)
    local list = {}
    for i = 1, n do list[i] = numbers(width) end
    return list
  end
  return cjson.encode {
    hidden = rows(values.hidden, values.inputs),
    output = rows(10, values.hidden),
    images = rows(values.images, values.inputs),
    weight = rows(values.weight, values.inputs), -- what else a model's file has
  }
end

local function with_model_file(values, f)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(make_model(values))
  file:close()
  collectgarbage()
  local ok, seconds, extras = pcall(f, path)
  os.remove(path)
  assert(ok, seconds)
  return seconds, extras
end

local function load_model(path)
  local file <close> = assert(io.open(path))
  return cjson.decode(file:read("a"))
end

local function dot(a, b)
  local sum = 0.0
  for i = 1, #a do sum = sum + a[i] * b[i] end
  return sum
end

local function recognize(model, image)
  local hidden, best, answer = {}, -math.huge, nil
  for i, row in ipairs(model.hidden) do hidden[i] = math.max(0.0, dot(row, image)) end
  for i, row in ipairs(model.output) do
    local x = dot(row, hidden)
    if x > best then best, answer = x, i end
  end
  return answer
end

-- The sum of all answers and the task's number.
local function predict(model, number)
  local sum = number
  for _, image in ipairs(model.images) do sum = sum + recognize(model, image) end
  return sum
end

local TASKS = 10

local function with_pool(path, values)
  local sum, private = 0, nil
  local loads = kit.workerpool.Value("q", 0)
  local options = { worker_init = function(shared, state)
    shared.loads:add(1)
    state.model = load_model(shared.path)
  end }
  local seconds = kit.seconds(function()
    local pool <close> = kit.WorkerPool { n_jobs = 2, keep_alive = true, use_worker_state = true,
      cpu_ids = values.pinned == 1 and kit.core.affinity() or nil,
      shared_objects = { path = path, loads = loads } }
    for _ = 1, values.rounds do
      for _, x in pool:imap_unordered(function(_, state, number)
        return predict(state.model, number)
      end, kit.range(TASKS), options) do sum = sum + x end
    end
    private = kit.private_of_workers()
  end)
  assert(loads.value == 2, "a model was loaded more than once in a worker")
  return seconds, { checksum = sum, private = private / 2 ^ 20 }
end

return {
  place = 102, name = "initialization", rounds = 5, fixed = true,
  title = "MPIRE's expensive initialization: a model loaded once in each worker, many small maps",
  unit = "run", serial = { { "^workerpool", "Lua, serial" }, { "^Lua", "Lua, serial" }, { "", "Python, serial" } },
  extras = { { key = "private", text = "MB private a worker", format = "%.1f" } },
  rows = { { values = { inputs = 196, hidden = 32, images = 20, weight = 2000, rounds = 20, pinned = 1 } } },
  full = { inputs = 784, hidden = 512, images = 20, weight = 10000, rounds = 50 },
  tiny = { inputs = 10, hidden = 4, images = 2, weight = 2, rounds = 2, pinned = 0 },
  ours = has_cjson and {
    ["workerpool"] = function(_, values)
      return with_model_file(values, function(path) return with_pool(path, values) end)
    end,
  } or nil,
  plain = has_cjson and {
    ["Lua, serial"] = function(_, values)
      return with_model_file(values, function(path)
        local sum = 0
        local seconds = kit.seconds(function()
          local model = load_model(path)
          for _ = 1, values.rounds do
            for number = 1, TASKS do sum = sum + predict(model, number) end
          end
        end)
        return seconds, { checksum = sum }
      end)
    end,
  } or nil,
}
