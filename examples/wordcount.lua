--[[
Counts the words of all text files under a folder, and prints the most
frequent ones.

  workerpool run examples/wordcount.lua [folder]

It shows the plainest use of a pool: one task per file, workers that return
a table of counts, and a host that merges these tables in the order in which
they are ready, which is what imap_unordered is for.
]]

local workerpool = require "workerpool"

local TOP = 20
local folder = ... or "/usr/share/common-licenses"

-- Runs in a worker. Whatever it returns travels back: two numbers and a table.
local function count_words(path)
  local file <close> = assert(io.open(path, "rb"))
  local text = file:read("a")
  local counts, total = {}, 0
  for word in text:lower():gmatch("%a[%a']*") do
    counts[word] = (counts[word] or 0) + 1
    total = total + 1
  end
  return counts, total, #text
end

-- ---- the files --------------------------------------------------------------

-- A word that the shell takes as it is.
local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

-- The regular files under a folder, one path for each: a link is followed, and
-- what can be reached by several paths is counted once, under the first.
local function files_under(path)
  -- A path that begins with a dash is no option, and the names between zero
  -- bytes may hold any other byte.
  if path:sub(1, 1) == "-" then path = "./" .. path end
  local command = "find -L " .. quote(path) .. " -type f -printf '%D:%i %p\\0'"
  local output <close> = assert(io.popen(command .. " 2>/dev/null"))
  local lines = {}
  for id, name in output:read("a"):gmatch("(%d+:%d+) ([^\0]+)\0") do
    lines[#lines + 1] = { id = id, name = name }
  end
  table.sort(lines, function(a, b) return a.name < b.name end)
  local files, seen = {}, {}
  for _, line in ipairs(lines) do
    if not seen[line.id] then files[#files + 1] = line.name end
    seen[line.id] = true
  end
  return files
end

-- ---- the report --------------------------------------------------------------

local function sorted(counts)
  local words = {}
  for word in pairs(counts) do words[#words + 1] = word end
  table.sort(words, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  return words
end

-- 1234567 as "1,234,567".
local function grouped(n)
  return (tostring(n):reverse():gsub("(%d%d%d)(%f[%d])", "%1,%2"):reverse())
end

local function print_top(counts, total)
  local words = sorted(counts)
  print(("%4s  %-16s %9s %7s"):format("rank", "word", "count", "share"))
  for rank = 1, math.min(TOP, #words) do
    local word = words[rank]
    print(("%4d  %-16s %9s %6.2f%%"):format(rank, word, grouped(counts[word]),
      100 * counts[word] / total))
  end
  return #words
end

-- ---- the run ------------------------------------------------------------------

-- Seconds, with a fraction: os.time has none, and os.clock does not count the
-- workers' time.
local function now()
  local date <close> = assert(io.popen("date +%s.%N"))
  return date:read("n") or os.time()
end

local function main()
  local files = files_under(folder)
  if #files == 0 then
    io.stderr:write("wordcount: no readable files under ", folder, "\n")
    os.exit(1)
  end
  local began = now()
  local counts, total, bytes = {}, 0, 0

  local pool <close> = workerpool.WorkerPool()
  for _, found, words, size in pool:imap_unordered(count_words, files) do
    for word, n in pairs(found) do counts[word] = (counts[word] or 0) + n end
    total, bytes = total + words, bytes + size
  end

  local seconds = math.max(now() - began, 0.001)
  local distinct = print_top(counts, total)
  print()
  print(("%s files, %s bytes, %s words, %s of them different"):format(
    grouped(#files), grouped(bytes), grouped(total), grouped(distinct)))
  print(("%.2f seconds with %d workers: %s words/s"):format(
    seconds, pool.n_jobs, grouped(math.floor(total / seconds))))
end

main()
