-- A map that fails while it starts its workers (no process to be had, Ctrl-C) was
-- not ended: the next one was refused, "this pool is running map".

local helper = require "spec.support.helper"
local WorkerPool = require("workerpool").WorkerPool

describe("a call that fails while it begins", function()
  helper.guard()

  for _, name in ipairs { "map", "imap" } do
    it("is over: " .. name, function()
      local pool <close> = WorkerPool { n_jobs = 2 }
      pool:map(tostring, { 1 })
      local crew = require "workerpool.crew"
      local ensure = crew.ensure
      crew.ensure = function() error("no more processes", 0) end
      local ok, message = pcall(function()
        local results = { pool[name](pool, tostring, { 1 }) }
        if name == "imap" then
          for _ in table.unpack(results, 1, 4) do error("it began", 0) end
        end
      end)
      crew.ensure = ensure
      assert.are.same({ false, "no more processes" }, { ok, message })
      assert.are.same({ "2", n = 1 }, pool:map(tostring, { 2 }))
    end)
  end
end)
