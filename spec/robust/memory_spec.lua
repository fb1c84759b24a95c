-- When memory runs out.

local helper = require "spec.support.helper"
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
