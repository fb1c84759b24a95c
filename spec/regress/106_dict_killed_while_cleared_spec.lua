-- timeout: 120
-- A process that was killed while it cleared a Dict left all keys there, but of many the
-- shared objects that were their values had gone.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local figures = require("workerpool.shared").figures

local KEYS, ROUNDS = 10000 // helper.scale, 25

describe("A Dict that was being cleared when its process was killed", function()
  helper.guard()

  local killer

  setup(function()
    killer = helper.compile(helper.write(helper.tmpdir() .. "/killer.c", [[
      #include <signal.h>
      #include <stdlib.h>
      #include <unistd.h>
      int main(int n, char **arguments) {
        if (n < 3) return 1;
        usleep((useconds_t)atoi(arguments[1]));
        return kill(atoi(arguments[2]), SIGKILL);
      }
    ]]))
  end)

  local function fill(dict)
    for i = 1, KEYS do dict[i] = workerpool.Event() end
    collectgarbage()
    collectgarbage()
  end

  local function count_usable(dict)
    local n = 0
    for _, event in pairs(dict) do
      assert.is_false(event:is_set())
      n = n + 1
    end
    return n
  end

  it("has everything, or nothing", function()
    local dict = workerpool.Dict { capacity = 1 << 15, bytes = 1 << 23 }
    for round = 1, ROUNDS do
      local before = figures().objects
      fill(dict)
      local pool <close> = workerpool.WorkerPool { n_jobs = 1, shared_objects = dict }
      assert.is_false(pcall(pool.apply, pool, function(shared, command)
        local file <close> = io.open("/proc/self/stat")
        os.execute(command:format(file:read("n")))
        shared:clear()
        while true do end
      end, { ("%s %d %%d &"):format(killer, 500 + 120 * round) }))
      local left = #dict
      assert.is_true(left == 0 or left == KEYS, left)
      assert.are.equal(left, count_usable(dict))
      dict:clear()
      pool:terminate()
      collectgarbage()
      collectgarbage()
      assert.are.equal(before, figures().objects)
    end
  end)
end)
