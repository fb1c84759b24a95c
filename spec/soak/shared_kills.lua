-- A soak of shared memory: workers use one object of each kind while another
-- program kills them at random moments. After each round, and at the end, what
-- must be true of the objects is checked.
--
--   lua5.4 spec/soak/shared_kills.lua STOP_FILE [seed]
--
-- It goes on until STOP_FILE is there, and prints what it has counted.

local workerpool = require "workerpool"

local stop_file, seed = arg[1], tonumber(arg[2]) or os.time()
local N_JOBS, N_KEYS, PERMITS = 4, 40, 2

local shared = {
  pair = workerpool.Array("q", 3),       -- under its lock: [1] == [2]
  counts = workerpool.Array("q", 2),     -- two adds, one behind the other
  queue = workerpool.Queue(64),
  dict = workerpool.Dict { capacity = 4096, bytes = 1 << 17 },
  semaphore = workerpool.Semaphore(PERMITS),
  lock = workerpool.Lock(),
  n_put = workerpool.Value("q"),
  n_got = workerpool.Value("q"),
  told = workerpool.Value("q"),
}

local function check(condition, text, ...)
  if not condition then error(text:format(...), 2) end
end

-- A value that shows by itself whether it is whole.
local function whole(n)
  return { n = n, text = ("%d,"):format(n):rep(n % 50) }
end

local function is_whole(v)
  return v.text == ("%d,"):format(v.n):rep(v.n % 50)
end

local act = {}

function act.pair(s)
  local guard <close>, died = s.pair:guard()
  if died then
    s.told:add(1)
    s.pair[1] = s.pair[2]
  end
  check(s.pair[1] == s.pair[2], "pair: %d and %d", s.pair[1], s.pair[2])
  local n = s.pair[1] + 1
  s.pair[1] = n
  s.pair[2] = n
  return guard
end

function act.counts(s)
  s.counts:add(1, 1)
  s.counts:add(2, 1)
end

function act.put(s, n)
  s.n_put:add(1)
  if not s.queue:try_put(whole(n)) then s.n_put:add(-1) end
end

function act.get(s)
  local v = s.queue:try_get()
  if not v then return end
  s.n_got:add(1)
  check(is_whole(v), "queue: %d came torn", v.n)
end

function act.set(s, n)
  s.dict["key" .. n % N_KEYS] = whole(n)
end

function act.read(s, n)
  local v = s.dict["key" .. n % N_KEYS]
  check(not v or is_whole(v), "dict: key%d is torn", n % N_KEYS)
end

function act.delete(s, n)
  s.dict:delete("key" .. n % N_KEYS)
end

function act.incr(s)
  s.dict:incr("hits")
end

function act.update(s)
  s.dict:update("both", function(v)
    v = v or { a = 0, b = 0 }
    check(v.a == v.b, "dict: update saw %d and %d", v.a, v.b)
    return { a = v.a + 1, b = v.b + 1 }
  end)
end

-- Handles under way: in the dict, and dropped again.
function act.handle(s, n)
  s.dict["array" .. n % 3] = workerpool.Array("i", { n, n })
  local a = s.dict["array" .. (n + 1) % 3]
  check(not a or a[1] == a[2], "an array out of the dict is torn")
end

function act.permit(s)
  if s.semaphore:acquire(1) then s.semaphore:release() end
end

function act.lock(s)
  local _, died = s.lock:lock()
  if died then s.told:add(1) end
  s.lock:unlock()
end

local NAMES = {}
for name in pairs(act) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

local function work(s, from, array)
  check(array[1] == from, "the task's array has %d", array[1])
  math.randomseed(from)
  for n = from, from + 30 do
    act[NAMES[math.random(#NAMES)]](s, n)
  end
  return array
end

local function check_errors(results)
  local n = 0
  for _, r in ipairs(results) do
    if workerpool.is_error(r) then
      n = n + 1
      check(r.kind == "crash" or r.kind == "died" or tostring(r):find("SIGKILL", 1, true),
        "another error than a kill: %s", tostring(r))
    end
  end
  return n
end

local function check_dict(d)
  local n = 0
  for key, v in pairs(d) do
    n = n + 1
    check(not key:find("^key") or is_whole(v), "dict: %s is torn", key)
  end
  check(n == #d, "dict: %d pairs, count %d", n, #d)
end

local function check_round(kills)
  check(math.abs(shared.counts[1] - shared.counts[2]) <= kills,
    "counts: %d and %d", shared.counts[1], shared.counts[2])
  check_dict(shared.dict)
end

local function drain()
  local n = 0
  while true do
    local v = shared.queue:try_get()
    if not v then return n end
    check(is_whole(v), "queue: %d came torn", v.n)
    n = n + 1
  end
end

local function check_end(kills)
  local left = drain()
  local lost = shared.n_put.value - shared.n_got.value - left
  check(math.abs(lost) <= kills, "queue: %d lost of %d", lost, shared.n_put.value)
  for _ = 1, PERMITS do
    check(shared.semaphore:acquire(60), "a permit has not come back")
  end
  check(shared.lock:try_lock(60), "the lock has not come back")
  shared.lock:unlock()
end

math.randomseed(seed)
print("seed " .. seed)

local function exists(path)
  local f = io.open(path)
  return f and f:close()
end

local kills, tasks, pools, from = 0, 0, 0, 0

local function round(pool)
  local list = {}
  for i = 1, 200 do
    from = from + 31
    list[i] = table.pack(from, workerpool.Array("q", { from }))
  end
  local results = pool:map(work, list, { on_error = "collect", chunk_size = 5 })
  kills = kills + check_errors(results)
  tasks = tasks + #results
end

-- A pool gives up when three workers in a row are killed while they start.
local function rounds()
  local pool <close> = workerpool.WorkerPool { n_jobs = N_JOBS, shared_objects = shared,
    keep_alive = true }
  pools = pools + 1
  repeat
    local ok, message = pcall(round, pool)
    check(ok or tostring(message):find("while starting", 1, true), "%s", tostring(message))
    if not ok then kills = kills + 2 * N_JOBS end
    check_round(kills + N_JOBS * pools)
  until not ok or exists(stop_file)
end

repeat rounds() until exists(stop_file)
check_end(kills + N_JOBS * pools)
print(("pools %d, tasks %d, failed %d, puts %d, told %d, heap repairs %d, queue deaths %d, dict deaths %d")
  :format(pools, tasks, kills, shared.n_put.value, shared.told.value,
    require("workerpool.shared").figures().repairs, shared.queue:deaths(), shared.dict:deaths()))

shared.dict:clear()
local held = 0
for _ in pairs(shared) do held = held + 1 end
for _ = 1, 3 do collectgarbage() end
local objects = require("workerpool.shared").figures().objects
-- One that was on its way into the dict when its process was killed stays.
check(objects >= held and objects <= held + kills // 100 + 3,
  "%d objects are left of %d", objects, held)
print("ok")
