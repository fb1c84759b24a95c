-- Instructions a value, by callgrind: what the clock of a busy machine cannot
-- show, these counts do; equal runs have equal counts. They are compared with
-- the record, instructions.txt.
--
--   lua5.4 spec/bench/instructions.lua BUILD [--record] [NAME]
--
-- `make instructions` calls it. --record writes the record anew; NAME is a part
-- of a case's name. The exit status is 1 when something has become worse by
-- more than 2 % with the compiler and the Lua of the record; with others, which
-- give other counts, that is only said.

local LIMIT = 0.02
local folder = arg[0]:match("^(.*)/") or "."
local RECORD = folder .. "/instructions.txt"
local SECTIONS = {
  { name = "documents", columns = { "encode", "decode", "cjson encode", "cjson decode" } },
  { name = "tasks", columns = { "write", "run", "read" } },
}

local build, recording, wanted = arg[1], false, ""
for i = 2, #arg do
  if arg[i] == "--record" then recording = true else wanted = arg[i] end
end

local function output_of(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read("a")
end

-- Of the program that made what is measured, and of Lua.
local function versions()
  local compiler = io.lines(build .. "/flags")()
  return {
    output_of(compiler .. " --version"):match("[^\n]*"),
    output_of(build .. "/callgrind --version"):match("[^\n]*"),
  }
end

-- ---- counting -----------------------------------------------------------------

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- With no other variables: the size of the environment moves the stack, and
-- with it the seed of Lua's hashes.
local function valgrind(out)
  return table.concat({
    "env -i", "LUA_PATH=" .. quote(package.path), "LUA_CPATH=" .. quote(package.cpath),
    "valgrind -q --tool=callgrind --combine-dumps=yes --callgrind-out-file=" .. quote(out),
    quote(build .. "/callgrind"), quote(folder .. "/instructions_run.lua"), quote(folder),
    quote(wanted),
  }, " ")
end

-- Names of cases in their order, and name -> column -> instructions a value.
local function counted()
  local out = build .. "/callgrind.out"
  assert(os.execute(valgrind(out)))
  local names, counts, label = {}, {}, nil
  for line in io.lines(out) do
    label = line:match("^desc: Trigger: Client Request: (.*)$") or label
    local total = line:match("^summary: (%d+)")
    if total and label then
      local name, column, values = label:match("^(.-)\t(.-)\t(%d+)$")
      if not counts[name] then names[#names + 1], counts[name] = name, {} end
      counts[name][column] = tonumber(("%.1f"):format(total / values))
      label = nil
    end
  end
  os.remove(out)
  return names, counts
end

-- ---- the record ---------------------------------------------------------------

local function columns_of(counts)
  return (counts.encode and SECTIONS[1] or SECTIONS[2]).columns
end

local function line_of(name, cells)
  local words = { ("%-24s"):format(name) }
  for i, cell in ipairs(cells) do words[i + 1] = ("%13s"):format(cell) end
  return table.concat(words)
end

local function write_record(names, counts)
  local file <close> = assert(io.open(RECORD, "w"))
  file:write("# Instructions a value, or a task. Written by `make instructions RECORD=1`.\n")
  for _, version in ipairs(versions()) do file:write("# ", version, "\n") end
  local section
  for _, name in ipairs(names) do
    local columns = columns_of(counts[name])
    for _, s in ipairs(SECTIONS) do
      if s.columns == columns and s ~= section then
        section = s
        file:write("\n", line_of(s.name, columns), "\n")
      end
    end
    local cells = {}
    for i, column in ipairs(columns) do
      local n = counts[name][column]
      cells[i] = n and ("%.1f"):format(n) or "-"
    end
    file:write(line_of(name, cells), "\n")
  end
end

-- Versions, and name -> column -> instructions.
local function read_record()
  local found, counts, columns = {}, {}, nil
  for line in io.lines(RECORD) do
    local name, rest = line:match("^(.-)  +(.*)$")
    if line:match("^# ") then
      found[#found + 1] = line:sub(3)
    elseif name == SECTIONS[1].name then
      columns = SECTIONS[1].columns
    elseif name == SECTIONS[2].name then
      columns = SECTIONS[2].columns
    elseif name then
      local row, i = {}, 0
      for cell in rest:gmatch("%S+") do
        i = i + 1
        row[columns[i]] = tonumber(cell)
      end
      counts[name] = row
    end
  end
  table.remove(found, 1)
  return found, counts
end

-- ---- comparing ----------------------------------------------------------------

local function ratio(counts, which)
  local ours, theirs = counts[which], counts["cjson " .. which]
  return ours and theirs and ("%.2f"):format(theirs / ours) or ""
end

local function show(names, counts)
  print(line_of("", { "encode", "cjson/ours", "decode", "cjson/ours" }))
  for _, name in ipairs(names) do
    local row = counts[name]
    if row.encode then
      print(line_of(name, { row.encode, ratio(row, "encode"), row.decode, ratio(row, "decode") }))
    end
  end
  print("\n" .. line_of("", SECTIONS[2].columns))
  for _, name in ipairs(names) do
    local row = counts[name]
    if row.run then print(line_of(name, { row.write, row.run, row.read })) end
  end
end

-- Prints what is not as it was; returns how much of it is worse.
local function compare(names, counts, before)
  local worse = 0
  for _, name in ipairs(names) do
    for _, column in ipairs(columns_of(counts[name])) do
      local now, then_ = counts[name][column], (before[name] or {})[column]
      if now and not then_ then
        print(("%s, %s: %.1f, not in the record"):format(name, column, now))
      elseif now and math.abs(now / then_ - 1) > LIMIT and not column:find "^cjson" then
        print(("%s, %s: %.1f, was %.1f (%+.1f %%)"):format(name, column, now, then_,
          100 * (now / then_ - 1)))
        if now > then_ then worse = worse + 1 end
      end
    end
  end
  return worse
end

local names, counts = counted()
show(names, counts)
if recording then
  if wanted ~= "" then error("the record is written as a whole: leave the name out", 0) end
  write_record(names, counts)
  os.exit(true)
end
local recorded, before = read_record()
local same = table.concat(recorded, "\n") == table.concat(versions(), "\n")
print(("\nChanges over %d %% against %s:"):format(100 * LIMIT, RECORD))
local worse = compare(names, counts, before)
if not same then
  print("The record is of others than " .. table.concat(versions(), ", ") .. ": "
    .. table.concat(recorded, ", "))
end
os.exit(worse == 0 or not same)
