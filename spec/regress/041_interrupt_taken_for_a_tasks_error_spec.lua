-- Ctrl-C raises wherever the host is, also where it encodes tasks and catches the
-- errors of those that cannot travel, or runs one itself: it was taken for the
-- error of that task, and with on_error = "collect" forgotten.

local helper = require "spec.support.helper"
local core = require "workerpool.core"
local WorkerPool = require("workerpool").WorkerPool

describe("an interrupt", function()
  helper.guard()

  local fired
  local function interrupt_at(event, n)
    fired = false
    debug.sethook(function()
      n = n - 1
      if n > 0 then return end
      debug.sethook()
      fired = true
      error("interrupted!", 0)
    end, event)
  end

  for _, event in ipairs { "call", "return" } do
    it("while tasks are written is no error of theirs: at a " .. event, function()
      local codec = core.codec(require("workerpool.names").new())
      for n = 1, 6 do
        local ok, message = pcall(function()
          interrupt_at(event:sub(1, 1), n)
          core.write_tasks(codec, { 1, 2, 3 }, 1, 3, false)
          debug.sethook()
        end)
        debug.sethook()
        assert.are.same({ not fired, fired and "interrupted!" or nil }, { ok, message })
        assert.is_true(fired or n > 2)
      end
    end)
  end

  it("of a task without workers ends the call", function()
    local pool <close> = WorkerPool { n_jobs = 0 }
    local ran = 0
    local ok, message = pcall(pool.map, pool, function()
      ran = ran + 1
      error("interrupted!", 0)
    end, { 1, 2, 3 }, { on_error = "collect" })
    assert.are.same({ false, "interrupted!", 1 }, { ok, message, ran })
    assert.are.same({ 4, n = 1 }, pool:map(function(x) return x end, { 4 }))
  end)
end)
