-- Rings were mapped from places in the pool's memory that are multiples of 4 KB,
-- which a kernel with pages of 16 or 64 KB refuses: there could be no pool.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local LARGEST_PAGE = 0x10000

describe("what is mapped of shared memory", function()
  helper.guard()

  it("begins where a page does, also where those are large", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 3, keep_alive = true }
    local shared = workerpool.Array("q", 3)
    pool:map(function(x) shared[x] = x end, workerpool.range(3))
    local n = 0
    for line in io.lines("/proc/self/maps") do
      local offset = line:match("^%S+ %S+s (%x+) .*memfd:workerpool")
      if offset then
        n = n + 1
        assert.are.equal(0, tonumber(offset, 16) % LARGEST_PAGE, line)
      end
    end
    assert.is_true(n >= 5, n)
  end)
end)
