-- WORKERPOOL_LINK is how a pool tells a program that it executes which pool
-- that is. What else may stand there is refused before anything is touched.

local helper = require "spec.support.helper"
local lfs = require "lfs"
local workerpool = require "workerpool"

-- Of a pool with one worker and an arena as large as they come.
local LINK = "0:1:-1:-1:3:-1:0:1:" .. (1 << 38)

describe("a program that is executed with a WORKERPOOL_LINK", function()
  helper.guard()

  local function refusal(link, stdin)
    local done = helper.run(("%s run examples/primes.lua 0<>%s"):format(helper.host,
      helper.quote(helper.write(helper.tmpdir() .. "/in", stdin or ""))),
      { env = { WORKERPOOL_LINK = link } })
    assert.are.equal(1, done.status, done.stderr)
    assert.are.equal("", done.stdout)
    return done.stderr
  end

  local function refused(link, stdin)
    assert.matches("cannot join the pool: corrupt bytes", refusal(link, stdin), 1, true)
  end

  it("refuses what is no such text", function()
    refused("")
    refused("0")
    refused("please")
    refused(("9"):rep(10000))
    refused("0:1:-1:-1:3:-1:0:1:")
    refused("%n%n%n%n%n%n%n%n")
  end)

  it("refuses a worker that the pool has not, and a pool of none or too many", function()
    refused("0:1:-1:-1:3:-1:1:1:67108864")
    refused("0:1:-1:-1:3:-1:4294967295:1:67108864")
    refused("0:1:-1:-1:3:-1:0:0:67108864")
    refused("0:1:-1:-1:3:-1:0:1025:67108864")
  end)

  it("refuses a descriptor that is none, and a file that is no pool", function()
    refused("77:1:-1:-1:3:-1:0:1:67108864")
    refused("-5:1:-1:-1:3:-1:0:1:67108864")
    refused("0:1:-1:-1:3:-1:0:1:67108864", "ten bytes.")
    refused("0:1:-1:-1:3:-1:0:1:0", "")
  end)

  it("refuses a file of the right size with something else in it", function()
    local pool <close> = workerpool.WorkerPool { n_jobs = 1, keep_alive = true }
    pool:map(function(x) return x end, { 1 })
    local size
    for fd, target in pairs(helper.descriptors()) do
      if target:find("memfd:workerpool", 1, true) then
        size = size or lfs.attributes("/proc/self/fd/" .. fd, "size")
      end
    end
    local path = helper.tmpdir() .. "/file"
    local done = helper.run(("truncate -s %d %s && %s run examples/primes.lua 0<>%s"):format(
      size, path, helper.host, path), { env = { WORKERPOOL_LINK = LINK } })
    assert.matches("cannot join the pool: corrupt bytes", done.stderr, 1, true)
  end)

  it("refuses sizes that no pool has", function()
    refused("0:1:-1:-1:3:-1:0:1:18446744073709551615")
    refused("0:1:-1:-1:3:-1:0:1:4611686018427387904")
  end)
end)
