-- When the system refuses another process.

local cgroup = require "spec.support.cgroup"
local helper = require "spec.support.helper"
local programs = require "spec.support.programs"

local program = programs.make
local library = helper.compile("spec/support/fixtures/nofork.c", { cflags = "-shared -D_GNU_SOURCE" })

-- A program whose forks fail as `settings` say. A sanitizer's library has to
-- be the first, so its interpreter cannot be made to fail this way.
local function with_failing_forks(source, settings)
  settings.LD_PRELOAD = library
  local result = helper.run({ helper.lua, (program(source)) }, { env = settings, timeout = 20 })
  assert.is_nil(result.timed_out)
  return result
end

local TWO_MAPS = [[
  local pool <close> = WorkerPool { n_jobs = 3 }
  local ok, message = pcall(pool.map, pool, same, range(9), { chunk_size = 1 })
  print(ok, message)
  print(pcall(function() return pool:map(same, range(9), { chunk_size = 1 })[9] end))
]]

if not helper.sanitized then
  describe("a fork that fails", function()
    helper.guard()

    it("for want of memory says so, and what may help; the next call works", function()
      local result = with_failing_forks(TWO_MAPS, { NOFORK = 12, NOFORK_FROM = 2, NOFORK_TIMES = 1 })
      local first, second = result.stdout:match("^(.-)\n(.-)\n$")
      assert.matches("^false\tcannot start worker 1: Cannot allocate memory %(.*forkserver", first)
      assert.are.equal("true\t9", second, result.stderr)
    end)

    it("for want of processes says so, and what may help", function()
      local result = with_failing_forks(TWO_MAPS, { NOFORK = 11, NOFORK_FROM = 2 })
      local first, second = result.stdout:match("^(.-)\n(.-)\n$")
      assert.matches("^false\tcannot start worker 1: Resource temporarily unavailable "
        .. "%(.*ulimit %-u.*pids%.max.*fewer workers", first)
      assert.matches("^false\tcannot start worker 0: Resource temporarily unavailable", second)
    end)

    it("in a lazy loop leaves the pool usable, too", function()
      local result = with_failing_forks([[
        local pool <close> = WorkerPool { n_jobs = 2 }
        local ok, message = pcall(function()
          for _ in pool:imap(same, range(9)) do print("never") end
        end)
        print(ok, message:match("^[^:]*"), pool:map(same, range(9))[9])]],
        { NOFORK = 12, NOFORK_TIMES = 1 })
      assert.are.equal("false\tcannot start worker 0\t9\n", result.stdout, result.stderr)
    end)

    for _, method in ipairs { "forkserver", "spawn" } do
      it("is told of by " .. method, function()
        local result = with_failing_forks(([[
          local pool <close> = WorkerPool { n_jobs = 2, start_method = %q }
          print(pcall(pool.map, pool, same, range(9)))]]):format(method), { NOFORK = 12 })
        assert.matches("^false\tcannot start worker 0: Cannot allocate memory", result.stdout)
      end)
    end

    it("while a worker is replaced costs nothing as long as there is another", function()
      local result = with_failing_forks([[
        local pool <close> = WorkerPool { n_jobs = 2 }
        local n_pids, seen = 0, {}
        local list, pids = pool:map(function(x)
          core.sleep(0.005)
          return x, core.getpid()
        end, range(200), { chunk_size = 1, worker_lifespan = 20 })
        for i = 1, 200 do
          assert(list[i] == i)
          if not seen[ pids[i] ] then n_pids = n_pids + 1 end
          seen[ pids[i] ] = true
        end
        print(n_pids >= 8)]], { NOFORK = 11, NOFORK_FROM = 3, NOFORK_TIMES = 1 })
      assert.are.equal("true\n", result.stdout, result.stderr)
    end)

    it("when no worker is left ends the call", function()
      local result = with_failing_forks([[
        local pool <close> = WorkerPool { n_jobs = 2 }
        local ok, message = pcall(pool.map, pool, same, range(200), { chunk_size = 1, worker_lifespan = 5 })
        print(ok, message)]], { NOFORK = 11, NOFORK_FROM = 3 })
      assert.matches("^false\tcannot start worker %d: Resource temporarily unavailable", result.stdout)
    end)
  end)
end

describe("the limit of processes of a user", function()
  helper.guard()

  -- Root has none, so it takes the place of somebody who runs nothing else; and
  -- who may not look into root's home, where this may well be.
  local limited = "setpriv --reuid=54321 --clear-groups prlimit --nproc=2:2 "

  local function module_for_all()
    local dir = helper.tmpdir()
    assert(os.execute(("cp -r lua %s/lib %s && chmod -R a+rX %s"):format(helper.build, dir, dir)))
    return {
      LUA_PATH = dir .. "/lua/?.lua;" .. dir .. "/lua/?/init.lua;;",
      LUA_CPATH = dir .. "/lib/?.so;;",
    }
  end

  it("is met as it is", function()
    local may_run = ("cd / && %s %s -v >/dev/null 2>&1"):format(limited, helper.lua)
    if not os.execute(may_run) then return end
    local result = helper.run(limited .. helper.lua .. " - ", {
      stdin = programs.PREAMBLE .. TWO_MAPS, timeout = 20, env = module_for_all(), cwd = "/" })
    assert.matches("^false\tcannot start worker %d: Resource temporarily unavailable %(", result.stdout,
      1, false, result.stderr)
  end)
end)

describe("the limit of processes of a control group", function()
  helper.guard()

  it("is met as it is", function()
    if helper.sanitized == "thread" then return end -- threads of its own count, too
    local group = cgroup.new("pids", 3)
    if not group then return end
    local path = program [[
      local pool <close> = WorkerPool { n_jobs = 5 }
      local ok, message = pcall(pool.map, pool, same, range(9), { chunk_size = 1 })
      print(ok, message)
      -- Two fit beside the host.
      local few <close> = WorkerPool { n_jobs = 2 }
      print(few:map(same, range(9), { worker_lifespan = 1, chunk_size = 1 })[9])]]
    local result = helper.run(group.command .. helper.lua .. " " .. path)
    group.remove()
    assert.matches("^false\tcannot start worker 2: Resource temporarily unavailable %(.*\n9\n$",
      result.stdout, 1, false, result.stderr)
  end)
end)
