-- A run as one JSON document: machine, versions, and each case with all of its
-- samples. A row is a line, so that a file kept in a repository can be read.

local results = {}

local FORMAT = 1

local function first_line(command)
  local pipe <close> = assert(io.popen(command .. " 2>/dev/null"))
  return pipe:read("l") or ""
end

-- How many processes wanted a CPU in the last minute: says whether a run was alone.
function results.load()
  return tonumber(first_line("cut -d' ' -f1 /proc/loadavg"))
end

local function machine()
  return {
    cpus = tonumber(first_line("nproc")),
    model = first_line("sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo"),
    system = first_line("uname -sr"),
    distribution = first_line("sed -n 's/^PRETTY_NAME=\"\\(.*\\)\"/\\1/p' /etc/os-release"),
    memory_kib = tonumber(first_line("sed -n 's/^MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo")),
  }
end

local function versions(started)
  local found = {}
  for _, program in ipairs(started) do
    found[program.name .. (program.suffix or "")] = program.version
  end
  return found
end

-- Keys in order; lists of the outer levels an entry a line.
local function pretty(cjson, document)
  local lines = { "{" }
  local function add(text) lines[#lines + 1] = text end
  for _, key in ipairs { "format", "date", "machine", "versions", "settings" } do
    add(('"%s":%s,'):format(key, cjson.encode(document[key])))
  end
  add '"cases":['
  for i, case in ipairs(document.cases) do
    local rows = {}
    for k, row in ipairs(case.rows) do rows[k] = cjson.encode(row) end
    add(('{"name":%s,"title":%s,"unit":%s,'):format(cjson.encode(case.name),
      cjson.encode(case.title), cjson.encode(case.unit)))
    for _, key in ipairs { "extras", "plot", "targets" } do
      if case[key] and next(case[key]) then add(('"%s":%s,'):format(key, cjson.encode(case[key]))) end
    end
    add('"rows":[\n' .. table.concat(rows, ",\n") .. "]}" .. (i < #document.cases and "," or ""))
  end
  add "]}"
  return table.concat(lines, "\n") .. "\n"
end

function results.write(path, settings, started, cases)
  local cjson = require("cjson").new()
  cjson.encode_number_precision(6)
  local text = pretty(cjson, {
    format = FORMAT,
    date = os.date("!%Y-%m-%d"),
    machine = machine(),
    versions = versions(started),
    settings = { rounds = settings.rounds, seconds = settings.seconds, load = settings.load },
    cases = cases,
  })
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
  print("\nwritten: " .. path)
end

function results.read(path)
  local file <close> = assert(io.open(path))
  local document = require("cjson").decode(file:read("a"))
  assert(document.format == FORMAT, path .. ": of another format")
  return document
end

return results
