-- Where there was no pidfd for a worker (no descriptor was left, or the kernel
-- has none) and its task closed all descriptors, the host took it for dead and
-- waited for its end, deaf to all else, as long as the task ran.

local helper = require "spec.support.helper"
local programs = require "spec.support.programs"
local misdeeds = helper.shared_object("spec/support/fixtures/misdeeds.c")

describe("a worker that has closed all its descriptors", function()
  helper.guard()

  it("holds up nobody, however many the host may have", function()
    local path = programs.make(([[
      package.cpath = %q .. ";" .. package.cpath
      local misdeeds = require "misdeeds"
      local ok, err = pcall(function()
        local pool <close> = WorkerPool { n_jobs = 1 }
        pool:map(function() misdeeds.close(3, 1000) core.sleep(60) end, { 1 }, { task_timeout = 0.5 })
      end)
      print(ok, err)]]):format(misdeeds))
    local has_hung_up = false
    for limit = 6, 24 do
      local done = helper.run({ "prlimit", "--nofile=" .. limit, helper.lua, path }, { timeout = 20 })
      assert.is_nil(done.timed_out, "with " .. limit)
      has_hung_up = has_hung_up or done.stdout:find("died from SIGKILL", 1, true) ~= nil
    end
    assert.is_true(has_hung_up)
  end)
end)
