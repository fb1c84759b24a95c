--[[
Runs the specs: each file in a process of its own, under a time limit, as
many side by side as there are CPUs (two at most by default).

  lua5.4 spec/support/run.lua [FILE | FOLDER | PREFIX]...

The last line is "N passed, N failed". The exit status is not zero when
anything failed, broke, hung, or when no test ran at all.

A spec file's leading comment may set
  -- timeout: 300     seconds for the whole file instead of 120
  -- alone            run it when no other file runs, for figures of time

Environment: WORKERPOOL_BUILD (build), SPEC_FILTER (a pattern of test names),
SPEC_JOBS, SPEC_SCALE (multiplies the limits), LUA (the interpreter), SPEC_WRAP
(a command in front of it).
]]

local DEFAULT_LIMIT = 120

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function lines_of(command)
  local pipe <close> = assert(io.popen(command))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  return lines
end

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read("a") or ""
end

local function split(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n?") do lines[#lines + 1] = line end
  return lines
end

local scale = tonumber(os.getenv("SPEC_SCALE")) or 1

-- A spec with its wishes, from the comment lines that it begins with.
local function spec_at(path)
  local spec = { path = path, limit = DEFAULT_LIMIT, alone = false }
  local file <close> = assert(io.open(path))
  for line in file:lines() do
    if not line:find("^%-%-") then break end
    spec.limit = tonumber(line:match("timeout:%s*(%d+)")) or spec.limit
    spec.alone = spec.alone or line:find("^%-%-%s*alone%f[^%w]") ~= nil
  end
  spec.limit = spec.limit * scale
  return spec
end

-- Files as named; folders and beginnings of paths as all specs under them.
local function find_specs(wanted)
  local found, seen = {}, {}
  local function add(path)
    if not seen[path] then
      seen[path] = true
      found[#found + 1] = spec_at(path)
    end
  end
  local all = lines_of("find spec -name '*_spec.lua' | LC_ALL=C sort")
  for _, want in ipairs(wanted) do
    want = want:gsub("^%./", "")
    local named = want:find("%.lua$") and io.open(want)
    if named then
      named:close()
      add(want)
    else
      for _, path in ipairs(all) do
        if path:sub(1, #want) == want then add(path) end
      end
    end
  end
  return found
end

-- What became of one file, from the files that run_one.sh left.
local function read_outcome(dir, n)
  local base = dir .. "/" .. n
  local out = { passed = 0, failed = 0, details = read(base .. ".result.details") }
  local finished
  for line in read(base .. ".result"):gmatch("[^\n]+") do
    local verb, name = line:match("^(%a+) ?(.*)$")
    if verb == "start" then out.running = name end
    if verb == "pass" or verb == "fail" then out.running = nil end
    if verb == "pass" then out.passed = out.passed + 1 end
    if verb == "fail" then out.failed = out.failed + 1 end
    if verb == "done" then finished = true end
  end
  local fields = split(read(base .. ".end"))
  out.status, out.ms = tonumber(fields[1]), tonumber(fields[2]) or 0
  out.left = fields[3] or ""
  out.finished = finished
  out.printed = read(base .. ".out")
  out.reports = read(base .. ".reports")
  return out
end

-- Why the file as a whole failed, or nil. It counts as one failure.
local function trouble(spec, out)
  local during = out.running and (' during "%s"'):format(out.running) or ""
  if not out.status then return "the runner has lost it" end
  if out.status == 124 or (out.status == 137 and not out.finished
    and out.ms >= spec.limit * 1000) then
    return ("timed out after %g s%s"):format(spec.limit, during)
  end
  if out.status > 128 then
    return ("killed by signal %d%s"):format(out.status - 128, during)
  end
  if not out.finished then
    return ("ended with status %d%s"):format(out.status, during)
  end
  if out.left ~= "" then return "left processes behind: " .. out.left end
  if out.reports ~= "" then return "something was found in a process" end
  if out.status ~= 0 and out.failed == 0 then
    return ("ended with status %d"):format(out.status)
  end
  if out.passed + out.failed == 0 and (os.getenv("SPEC_FILTER") or "") == "" then
    return "has no tests"
  end
end

-- The end of what a file printed: enough to see, not enough to drown in.
local function excerpt(text)
  local lines = split((text:gsub("%s+$", "")))
  local from = math.max(1, #lines - 60)
  return "    | " .. table.concat(lines, "\n    | ", from)
end

local function report(spec, out)
  local ok = out.failed == 0
  print(("%-4s %-48s %4d passed%s %7.2f s"):format(ok and "ok" or "FAIL",
    spec.path, out.passed, ok and "" or (", %d failed"):format(out.failed),
    out.ms / 1000))
  if not ok then
    if out.trouble then print("  " .. spec.path .. ": " .. out.trouble) end
    if out.details ~= "" then print((out.details:gsub("\n$", ""))) end
    if out.printed:find("%S") then print(excerpt(out.printed)) end
    if out.reports ~= "" then print(excerpt(out.reports)) end
  end
  io.stdout:flush()
end

-- Runs a list, `jobs` at a time; calls back with the number of each that ends.
local function run_all(specs, dir, jobs, on_end)
  local list = dir .. "/list"
  local file = assert(io.open(list, "w"))
  local any = false
  for n, spec in ipairs(specs) do
    if spec.chosen then
      any = true
      file:write(("%d %g %s\n"):format(n, spec.limit, spec.path))
    end
  end
  file:close()
  if not any then return end
  local pipe <close> = assert(io.popen(("xargs -P %d -L 1 sh "
    .. "spec/support/run_one.sh %s <%s"):format(jobs, quote(dir), quote(list))))
  for line in pipe:lines() do
    local n = tonumber(line)
    if n and specs[n] then on_end(n) end
  end
end

local function default_jobs()
  local cpus = tonumber(lines_of("nproc 2>/dev/null || echo 1")[1]) or 1
  return math.min(cpus, 2)
end

-- Long files first, so that none of them is left to run at the end.
local function by_limit(a, b)
  if a.limit ~= b.limit then return a.limit > b.limit end
  return a.path < b.path
end

local function main(wanted)
  local specs = find_specs(wanted)
  table.sort(specs, by_limit)
  local dir = lines_of("mktemp -d")[1]
  local jobs = tonumber(os.getenv("SPEC_JOBS")) or default_jobs()
  local passed, failed, broken = 0, 0, {}

  local function on_end(n)
    local spec = specs[n]
    local out = read_outcome(dir, n)
    spec.ended = true
    out.trouble = trouble(spec, out)
    if out.trouble then out.failed = out.failed + 1 end
    passed, failed = passed + out.passed, failed + out.failed
    if out.failed > 0 then broken[#broken + 1] = spec.path end
    report(spec, out)
  end

  for _, spec in ipairs(specs) do spec.chosen = not spec.alone end
  run_all(specs, dir, jobs, on_end)
  for _, spec in ipairs(specs) do spec.chosen = spec.alone end
  run_all(specs, dir, 1, on_end)
  for n, spec in ipairs(specs) do
    if not spec.ended then on_end(n) end
  end
  os.execute("rm -rf " .. quote(dir))

  if passed + failed == 0 then print("no tests ran") end
  if #broken > 0 then print("failed: " .. table.concat(broken, " ")) end
  print(("%d passed, %d failed"):format(passed, failed))
  return failed == 0 and passed > 0
end

os.exit(main(#arg > 0 and arg or { "spec" }), true)
