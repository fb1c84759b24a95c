-- When memory runs out.

local helper = require "spec.support.helper"
local cgroup = require "spec.support.cgroup"
local oom = require "workerpool.oom"
local WorkerPool = require("workerpool").WorkerPool

local function score(path)
  return tonumber(helper.read(path or "/proc/self/oom_score_adj"):match("%-?%d+"))
end

describe("the kernel's out-of-memory killer", function()
  helper.guard()

  for _, method in ipairs { "fork", "forkserver", "spawn" } do
    it("takes workers before their host: " .. method, function()
      local pool <close> = WorkerPool { n_jobs = 1, start_method = method }
      local theirs = pool:apply(function()
        local file <close> = assert(io.open("/proc/self/oom_score_adj"))
        return file:read("n")
      end)
      assert.is_true(theirs > score() or theirs == 1000)
    end)
  end

  it("is told from other killers by its count", function()
    local path = helper.tmpdir() .. "/vmstat"
    local function counts(n)
      return helper.write(path, ("nr_free_pages 17\noom_kill %d\nnuma_hit 3\n"):format(n))
    end
    assert.are.equal(5, oom.count(counts(5)))
    oom.happened(path)
    assert.is_false(oom.happened(path))
    assert.is_true(oom.happened(counts(6)))
    assert.is_false(oom.happened(path))
    assert.is_false(oom.happened(helper.tmpdir() .. "/none"))
  end)

  it("is not blamed for what somebody else has killed", function()
    local pool <close> = WorkerPool { n_jobs = 1 }
    local ok, err = pcall(pool.apply, pool, function()
      os.execute("kill -KILL $PPID")
    end)
    assert.is_false(ok)
    assert.are.equal("SIGKILL", err.signal)
    assert.matches("killed from outside", err.hint)
  end)
end)

-- A sanitizer needs more memory than such a group has.
if not helper.sanitized then
  describe("a control group whose memory is used up", function()
    helper.guard()

    it("loses a worker and not the host; the error says what it was", function()
      local group = cgroup.new("memory", 64 << 20)
      if not group then return end
      local path = helper.write(helper.tmpdir() .. "/program.lua", [[
        local pool <close> = require("workerpool").WorkerPool { n_jobs = 2 }
        local ok, err = pcall(pool.map, pool, function(x)
          local t = {}
          if x == 2 then for i = 1, 400 do t[i] = ("x"):rep((1 << 20) + i) end end
          return x
        end, { 1, 2, 3 }, { chunk_size = 1 })
        print(ok, err.kind, err.signal, err.task_index, err.hint)
        print(pool:map(function(x) return x end, { 7 })[1])]])
      local result = helper.run(group.command .. helper.lua .. " " .. path)
      group.remove()
      assert.are.equal("false\tcrash\tSIGKILL\t2\tthe kernel killed a process for want of memory "
        .. "just then; see memory_limit\n7\n", result.stdout, result.stderr)
    end)
  end)
end
