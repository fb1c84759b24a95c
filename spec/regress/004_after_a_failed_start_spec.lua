-- When a worker could not be started, the pool said from then on that it was
-- "running map". A forkserver that could not be started cost the host its
-- standard input, and workers whose setup found no memory died without a word
-- why; spec/robust/failing_spec.lua finds these.

local helper = require "spec.support.helper"

describe("a pool whose workers could not be started", function()
  helper.guard()

  for _, keep_alive in ipairs { true, false } do
    it("works when they can: keep_alive = " .. tostring(keep_alive), function()
      local done = helper.run(([[
        ulimit -n 60 && exec %s - <<'END'
        local workerpool = require "workerpool"
        local function double(x) return x * 2 end
        local pool <close> = workerpool.WorkerPool { n_jobs = 8, keep_alive = %s }
        local files = {}
        while true do
          local file = io.open("/dev/null")
          if not file then break end
          files[#files + 1] = file
        end
        for _ = 1, 9 do table.remove(files):close() end
        for _, name in ipairs { "map", "map_unordered", "apply_async" } do
          local ok, err = pcall(pool[name], pool, double, { 1, 2, 3, 4, 5, 6, 7, 8 })
          print(ok, err)
        end
        for _, file in ipairs(files) do file:close() end
        print(pool:map(double, { 1, 2, 3, 4 })[4], pool:apply(double, { 4 }))
        print(pool:map(double, workerpool.range(8))[8])
END]]):format(helper.lua, tostring(keep_alive)))
      local fail = "false\tcannot start worker %d: Too many open files\n"
      assert.matches("^" .. fail .. fail .. fail .. "8\t8\n16\n$", done.stdout, nil, done.stderr)
    end)
  end
end)
