-- timeout: 120
-- A map met an engine that had no slot free, because of many workers or of many
-- tasks of apply_async, and raised "the pool has no free slot".

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local function double(x) return 2 * x end

describe("A full engine", function()
  helper.guard()

  it("makes a map wait for its turn", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 2 }
    local applied = {}
    for i = 1, 20000 do applied[i] = pool:apply_async(double, { i }) end
    local mapped = pool:map(double, workerpool.range(2000), { chunk_size = 1 })
    for i = 1, 2000 do assert(mapped[i] == 2 * i) end
    for i = 1, 20000 do assert(applied[i]:get() == 2 * i) end
  end)

  it("is not what a map fills by itself, however many workers there are", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 300 }
    local results = pool:map(double, workerpool.range(50000), { chunk_size = 1 })
    for i = 1, 50000 do assert(results[i] == 2 * i) end
  end)
end)
