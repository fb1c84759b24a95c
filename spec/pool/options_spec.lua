-- Options of a pool and its calls are checked; how many workers there are without.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local function refusal(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return message
end

describe("options", function()
  helper.guard()

  it("unknown ones are refused at the caller's line with the nearest name", function()
    local message = refusal(function() WorkerPool { njobs = 4 } end)
    assert.matches("options_spec.lua:%d+: WorkerPool: unknown option 'njobs' %(did you mean 'n_jobs'%?%)",
      message)
    message = refusal(function() WorkerPool.new { njobs = 4 } end)
    assert.matches("options_spec.lua:%d+:", message)
  end)

  it("wrong types and values are named with what came and what was wanted", function()
    assert.matches("option 'n_jobs': wanted an integer from 0 to 1024, got %-1",
      refusal(function() WorkerPool { n_jobs = -1 } end))
    assert.matches("option 'n_jobs': .* got \"4\"", refusal(function() WorkerPool { n_jobs = "4" } end))
    local pool <close> = WorkerPool { n_jobs = 1 }
    local message = refusal(function() pool:map(print, {}, { chunk_size = 0 }) end)
    assert.matches("options_spec.lua:%d+: map: option 'chunk_size'", message)
    message = refusal(function() pool:map_unordered(print, {}, { retries = -1 }) end)
    assert.matches("map_unordered: option 'retries'", message)
  end)

  it("n_jobs comes from the environment when it is not given", function()
    local line = { helper.lua, "-e",
      [[print(require("workerpool").WorkerPool().n_jobs)]] }
    assert.are.equal("3\n", helper.run(line, { env = { WORKERPOOL_JOBS = "3" } }).stdout)
    assert.matches("WORKERPOOL_JOBS", helper.run(line, { env = { WORKERPOOL_JOBS = "x" } }).stderr)
    assert.are.equal(workerpool.cpu_count() .. "\n",
      helper.run(line, { env = { WORKERPOOL_JOBS = "" } }).stdout)
  end)
end)

describe("cpu_count", function()
  it("is at least 1 and heeds the affinity mask", function()
    assert.is_true(workerpool.cpu_count() >= 1)
    local result = helper.run { "taskset", "-c", "0", helper.lua, "-e",
      [[print(require("workerpool").cpu_count())]] }
    assert.are.equal("1\n", result.stdout)
  end)

  it("heeds the quota of control groups, both kinds, rounded up", function()
    local cpus = require "workerpool.cpus"
    local dir = helper.tmpdir()
    os.execute("mkdir -p " .. dir .. "/a/b " .. dir .. "/cpu/c")
    helper.write(dir .. "/a/cpu.max", "150000 100000\n")
    helper.write(dir .. "/a/b/cpu.max", "max 100000\n")
    assert.are.equal(1.5, cpus.quota(dir, "0::/a/b\n"))
    helper.write(dir .. "/cpu/c/cpu.cfs_quota_us", "50000\n")
    helper.write(dir .. "/cpu/c/cpu.cfs_period_us", "100000\n")
    assert.are.equal(0.5, cpus.quota(dir, "4:cpu,cpuacct:/c\n"))
    assert.are.equal(math.huge, cpus.quota(dir, "0::/none\n"))
  end)
end)
