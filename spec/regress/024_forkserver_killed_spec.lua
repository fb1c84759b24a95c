-- A pool whose forkserver had been killed could start no more workers, ever;
-- one that had been stopped held up the host. So did, for ever, one whose number
-- its successor got: it was asked how the workers of the first had ended.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local core = require "workerpool.core"
local misdeeds = helper.c_module "misdeeds"
local programs = require "spec.support.programs"

local SIGKILL = 9

local function same(x) return x end

describe("the server of a pool", function()
  helper.guard()

  local function make(more)
    return workerpool.WorkerPool { n_jobs = 2, start_method = "forkserver", keep_alive = more }
  end

  it("has a successor when it is killed between two calls", function()
    local pool <close> = make(true)
    pool:map(same, { 1, 2 })
    misdeeds.kill(helper.children()[1], SIGKILL)
    for _ = 1, 3 do assert.are.equal(20, pool:map(same, workerpool.range(20)).n) end
  end)

  it("is not taken for a successor that has got its number", function()
    local words = { "unshare", "--pid", "--fork", "--mount-proc", "--kill-child" }
    if not os.execute(table.concat(words, " ") .. " true 2>/dev/null") then return end
    words[#words + 1] = helper.lua
    words[#words + 1] = programs.make [[
      local pool <close> = WorkerPool { n_jobs = 2, start_method = "forkserver", keep_alive = true }
      pool:map(same, range(4))
      local me = core.getpid()
      local function children()
        return " " .. io.open(("/proc/%d/task/%d/children"):format(me, me)):read("a")
      end
      local server = children():match("%d+")
      os.execute("kill -KILL " .. server .. "; sleep 0.2")
      io.open("/proc/sys/kernel/ns_last_pid", "w"):write(server - 1):close()
      print(pool:map(same, range(4)).n)
      print(children():find(" " .. server .. " ", 1, true) ~= nil)]]
    local done = helper.run(words, { timeout = 20 })
    assert.is_nil(done.timed_out)
    assert.are.equal("4\ntrue\n", done.stdout, done.stderr)
  end)

  it("has one when it is killed by a task, which alone is tried again", function()
    local pool <close> = make()
    local dir = helper.tmpdir()
    local list = pool:map(function(x)
      local path = dir .. "/" .. x
      if x == 7 and not io.open(path) then
        io.open(path, "w"):close()
        os.execute("kill -KILL $(cut -d ' ' -f 4 /proc/" .. core.getpid() .. "/stat)")
        core.sleep(60)
      end
      return x
    end, workerpool.range(20), { chunk_size = 5, retries = 3 })
    for i = 1, 20 do assert.are.equal(i, list[i]) end
  end)

  it("goes on when somebody has stopped it", function()
    local pool <close> = make()
    local list = pool:map(function(x)
      if x == 3 then
        os.execute("kill -STOP $(cut -d ' ' -f 4 /proc/" .. core.getpid() .. "/stat)")
        os.exit(3)
      end
      return x
    end, workerpool.range(8), { chunk_size = 2, on_error = "collect" })
    assert.are.equal(3, list[3].exit_code)
    assert.are.equal(8, list[8])
  end)
end)
