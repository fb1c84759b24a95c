-- Who takes part: our own programs and, where they are installed, the peers.

local Program = require "program"
local quote = Program.quote

local programs = {}

local function lua() return os.getenv("LUA") or "lua5.4" end

local function answers(command)
  return os.execute(command .. " >/dev/null 2>&1") == true
end

-- One Python for all of its pools, so that they differ in nothing else: the first
-- that has both of those that do not come with it, else either. Debian's own has
-- Debian's packages, which another python3 before it does not see.
local function choose_python()
  for _, modules in ipairs { "joblib, mpire", "joblib", "mpire", "multiprocessing" } do
    for _, python in ipairs { "python3", "/usr/bin/python3" } do
      if answers(("%s -c 'import %s'"):format(python, modules)) then return python end
    end
  end
end

local function python_peer(name, module, file)
  return { name = name, find = function(folder, python)
    local found = python and answers(("%s -c 'import %s'"):format(python, module))
    return found and ("%s -B %s/peers/%s"):format(python, folder, file)
  end }
end

local function node_peer(name, module, file)
  return { name = name, find = function(folder)
    local found = answers(("node -e 'require.resolve(\"%s\")'"):format(module))
    return found and ("node %s/peers/%s"):format(folder, file)
  end }
end

programs.peers = {
  python_peer("multiprocessing.Pool", "multiprocessing", "py_pool.py"),
  python_peer("ProcessPoolExecutor", "concurrent.futures", "py_futures.py"),
  python_peer("joblib", "joblib", "py_joblib.py"),
  python_peer("MPIRE", "mpire", "py_mpire.py"),
  { name = "Perl MCE", find = function(folder)
    return answers("perl -MMCE::Map -e 1") and ("perl %s/peers/mce.pl"):format(folder)
  end },
  node_peer("piscina", "piscina", "npm_piscina.js"),
  node_peer("npm workerpool", "workerpool", "npm_workerpool.js"),
  { name = "luv", find = function(folder)
    return answers(lua() .. " -e 'require \"luv\"'")
      and ("env UV_THREADPOOL_SIZE=2 %s %s/peers/luv.lua"):format(lua(), folder)
  end },
}

local function server(folder, role)
  return ("%s %s/serve.lua %s"):format(lua(), folder, role)
end

-- Variables for another checkout's module.
local function environment_of(checkout)
  local path = ("LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;'"):format(checkout, checkout)
  return ("env -u LUA_PATH_5_4 -u LUA_CPATH_5_4 %s LUA_CPATH='%s/build/lib/?.so;;' "
    .. "WORKERPOOL_BUILD='%s/build'"):format(path, checkout, checkout)
end

local function build_bare(folder, build)
  local cc = os.getenv("CC") or "cc"
  assert(os.execute(("%s -std=gnu11 -O2 -o %s %s"):format(cc, quote(build .. "/bare"),
    quote(folder .. "/bare.c"))), "bare.c does not compile")
  return quote(build .. "/bare")
end

local function is_wanted(peer, names)
  for _, name in ipairs(names or { peer.name }) do
    if name == peer.name then return true end
  end
  return false
end

-- What to start: { name, command, suffix of labels }, and the names of peers
-- that are not installed. Ours comes first: all are compared with it.
function programs.list(folder, build, settings)
  local list = { { name = "workerpool", command = server(folder, "ours") } }
  local absent = {}
  if settings.against then
    table.insert(list, { name = "workerpool", suffix = ", the other build",
      command = environment_of(settings.against) .. " " .. server(folder, "ours") })
  end
  table.insert(list, { name = "bare", command = build_bare(folder, build) })
  table.insert(list, { name = "plain Lua", command = server(folder, "plain") })
  table.insert(list, { name = "commands", command = server(folder, "commands") })
  local python
  for _, peer in ipairs(programs.peers) do
    if is_wanted(peer, settings.peers) then
      python = python or choose_python()
      local command = peer.find(folder, python)
      if command then table.insert(list, { name = peer.name, command = command })
      else table.insert(absent, peer.name) end
    end
  end
  return list, absent
end

return programs
