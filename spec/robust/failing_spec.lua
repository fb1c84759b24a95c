-- timeout: 300
-- Whatever fails, at whatever moment, is told by its name, leaves nothing
-- behind, and the next run works. See failing.c.

local helper = require "spec.support.helper"

local CALLS = { "mmap", "memfd_create", "ftruncate", "socketpair", "epoll_create1",
  "epoll_ctl", "eventfd", "pipe2", "fork", "pthread_create" }

-- Fewest failures that each is known to come by; more are welcome.
local SCENARIOS = {
  map = { memory = 100, engine = 8, system = 20, files = 8 },
  again = { memory = 100, engine = 8, system = 20, files = 8 },
  apply = { memory = 100, engine = 8, system = 20, files = 8 },
  imap = { memory = 100, engine = 20, system = 30, files = 8 },
  options = { memory = 100, engine = 8, system = 20, files = 8 },
  shared = { memory = 100, engine = 8, system = 20, files = 8 },
  codec = { memory = 300, engine = 10, stride = 7 },
  threading = { memory = 100, engine = 8, system = 20, files = 8 },
  spawn = { memory = 100, engine = 8, system = 20, files = 8 },
  forkserver = { memory = 100, engine = 8, system = 20, files = 8 },
}

describe("when the n-th of these fails, for every n:", function()
  helper.guard()

  local program
  setup(function()
    local wraps = {}
    for i, name in ipairs(CALLS) do wraps[i] = "-Wl,--wrap=" .. name end
    program = helper.compile("spec/robust/failing.c", { libs = table.concat(wraps, " ") })
  end)

  local function check(what, name, scenario)
    it(("an allocation or call (%s), in %s"):format(what, name), function()
      local stride = what == "memory" and scenario.stride or 1
      local done = helper.run({ program, what, ("spec/robust/scenarios/%s.lua"):format(name),
        tostring(stride) },
        { timeout = 100, env = { WORKERPOOL_PROGRAM = helper.host, WORKERPOOL_HEAP = "stock" } })
      assert.is_nil(done.stdout:match("WRONG.*"), done.stderr)
      assert.are.equal(0, done.status, done.stderr)
      local runs = tonumber(done.stdout:match("(%d+) runs, 0 wrong\n$"))
      assert.is_true(runs > scenario[what], done.stdout)
    end)
  end

  for _, what in ipairs { "memory", "engine", "system", "files" } do
    for name, scenario in pairs(SCENARIOS) do
      if scenario[what] then check(what, name, scenario) end
    end
  end
end)
