-- timeout: 180
-- Large strings and arrays in arguments and results.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool, range = workerpool.WorkerPool, workerpool.range

local MB = 1 << 20

describe("A large payload", function()
  helper.guard()

  it("arrives whole, there and back", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    for _, size in ipairs { 1000, 64 * 1024 - 1, 64 * 1024, MB + 1, 40 * MB } do
      local text = ("0123456789abcdef"):rep(size // 16) .. ("x"):rep(size % 16)
      local back = pool:map(function(s) return s, #s end, { text, text })
      assert.are.equal(text, back[1])
      assert.are.equal(text, back[2])
    end
  end)

  it("costs one task when its worker is killed in the middle of it", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    for delay = 0, 9 do
      local results = pool:map(function(x)
        if x == 3 then
          os.execute(("(sleep 0.0%d; kill -KILL $PPID) &"):format(delay))
          -- One of these is under way when it happens.
          local parts = {}
          for i = 1, 20 do parts[i] = ("y"):rep(20 * MB) end
          return parts
        end
        return ("x"):rep(100000 + x)
      end, range(12), { chunk_size = 1, on_error = "collect" })
      for x = 1, 12 do
        if x == 3 then
          assert.is_true(workerpool.is_error(results[x]) or #results[x] == 20)
        else
          assert.are.equal(100000 + x, #results[x])
        end
      end
    end
    assert.are.equal(7, pool:apply(function() return 7 end))
  end)

  it("gives its memory back", function()
    local pool <close> = WorkerPool { n_jobs = 2 }
    local function resident()
      for line in io.lines("/proc/self/status") do
        local kib = line:match("^RssShmem:%s+(%d+)")
        if kib then return tonumber(kib) / 1024 end
      end
    end
    for _ = 1, 30 do
      pool:map(function(s) return #s end, { ("x"):rep(20 * MB) })
    end
    collectgarbage()
    assert.is_true(resident() < 200, resident() .. " MB of shared memory")
  end)
end)
