-- MPIRE's second workload, stateful computation: each worker counts the
-- beginnings of the words of the documents that it gets, in a state of its own;
-- at its end it hands over those that it has seen more than three times.
local kit = ...

local LONGEST = 19 -- of a beginning
local OFTEN = 3

-- Documents of words of 20 random bytes, long and short in turns.
local function make_documents(n, words)
  local x, documents = 42, {}
  for d = 1, n do
    local list = {}
    for w = 1, d % 2 == 1 and words * 3 // 2 or words // 2 do
      local bytes = {}
      for i = 1, 20 do
        x = (x * 1103515245 + 12345) % 2147483648
        bytes[i] = x >> 16 & 255
      end
      list[w] = string.char(table.unpack(bytes))
    end
    documents[d] = list
  end
  return documents
end

local function count_words(state, document)
  local sub = string.sub
  for _, word in ipairs(document) do
    for i = 1, LONGEST do
      local beginning = sub(word, 1, i)
      state[beginning] = (state[beginning] or 0) + 1
    end
  end
end

local function often_seen(state)
  local found = {}
  for beginning, count in pairs(state) do
    if count > OFTEN then found[beginning] = true end
  end
  return found
end

-- Of the union of what the workers have found.
local function checksum_of(sets)
  local union, n, bytes = {}, 0, 0
  for _, set in ipairs(sets) do
    for beginning in pairs(set) do
      if not union[beginning] then
        union[beginning] = true
        n, bytes = n + 1, bytes + #beginning
      end
    end
  end
  return n .. "/" .. bytes
end

-- Once by whoever is free: which worker saw which document, and so the result,
-- is different each time. Once in order, two documents a chunk: so that each
-- worker gets as many long ones, and the result is that of a serial run.
local function with_pool(values, is_ordered)
  local documents = make_documents(values.documents, values.words)
  local sets, private
  collectgarbage()
  local seconds = kit.seconds(function()
    local pool <close> = kit.WorkerPool { n_jobs = 2, use_worker_state = true, keep_alive = true,
      order_tasks = is_ordered }
    pool:map_unordered(count_words, kit.workerpool.single(documents),
      { worker_exit = often_seen, chunk_size = is_ordered and 2 or nil })
    private = kit.private_of_workers()
    pool:stop_and_join()
    sets = pool:get_exit_results()
  end)
  assert(#sets == 2)
  return seconds, { checksum = is_ordered and checksum_of(sets) or nil, private = private / 2 ^ 20 }
end

return {
  place = 101, name = "stateful", rounds = 5, fixed = true,
  title = "MPIRE's stateful computation: beginnings of words counted in each worker's state",
  unit = "run", serial = { { "^workerpool", "Lua, serial" }, { "^Lua", "Lua, serial" }, { "", "Python, serial" } },
  extras = { { key = "private", text = "MB private a worker", format = "%.1f" } },
  rows = { { values = { documents = 40, words = 1000 } } },
  full = { documents = 2000, words = 10000 },
  tiny = { documents = 8, words = 200 },
  ours = {
    ["workerpool"] = function(_, values) return with_pool(values, false) end,
    ["workerpool, order_tasks"] = function(_, values) return with_pool(values, true) end,
  },
  plain = {
    ["Lua, serial"] = function(_, values)
      local documents = make_documents(values.documents, values.words)
      local sets
      collectgarbage()
      local seconds = kit.seconds(function()
        local states = { [0] = {}, {} }
        for i, document in ipairs(documents) do count_words(states[(i - 1) // 2 % 2], document) end
        sets = { often_seen(states[0]), often_seen(states[1]) }
      end)
      return seconds, { checksum = checksum_of(sets) }
    end,
  },
}
