-- A process may let go of a lock that it has taken. When the others let go of it, too, its
-- memory was given to other objects while it was still in that process's list of robust
-- locks: whose next lock() or unlock() then wrote into those.

local helper = require "spec.support.helper"

describe("A lock whose handles have gone while it is held", function()
  helper.guard()

  for _, kind in ipairs { "Lock", "Array" } do
    for _, method in ipairs { "fork", "spawn" } do
      it(("is nobody else's: %s, %s"):format(kind, method), function()
        local program = helper.write(helper.tmpdir() .. "/p.lua", ([[
          local kind, method = %q, %q
          local workerpool = require "workerpool"
          local figures = require("workerpool.shared").figures
          local function make()
            return kind == "Lock" and workerpool.Lock() or workerpool.Array("q", 3)
          end
          local queue, other = workerpool.Queue(4), workerpool.Lock()
          local done, go = workerpool.Event(), workerpool.Event()
          local pool = workerpool.WorkerPool { n_jobs = 1, start_method = method }
          local result = pool:apply_async(function(q, o, d, g)
            local lock = q:get()
            lock:lock()
            lock = nil
            collectgarbage() collectgarbage()
            d:set()
            g:wait()
            o:lock()
            o:unlock()
            return "fine"
          end, { queue, other, done, go })
          local first = make()
          queue:put(first)
          done:wait()
          first = nil
          collectgarbage() collectgarbage()
          local before = figures().objects
          local new = {}
          for i = 1, 10 do
            new[i] = make()
            new[i]:lock()
          end
          go:set()
          print(result:get())
          for i = 1, 10 do new[i]:unlock() end
          new = nil
          collectgarbage() collectgarbage()
          print(figures().objects - before)
          pool:stop_and_join()
          collectgarbage() collectgarbage()
          print(figures().objects - before)
        ]]):format(kind, method))
        local done = helper.run({ helper.lua, program })
        -- When the process that held it has ended, it goes, too.
        assert.are.equal("fine\n0\n-1\n", done.stdout, done.stderr)
        assert.are.equal(0, done.status)
      end)
    end
  end
end)
