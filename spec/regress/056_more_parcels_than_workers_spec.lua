-- With order_tasks a call of few chunks started few workers. A task that was tried
-- again, or the rest of a chunk that held one which cannot be sent, went to the next
-- worker, which was not there: the call waited for ever.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

describe("With order_tasks a call that started one worker of four", function()
  helper.guard()

  local function pool() return workerpool.WorkerPool { n_jobs = 4, order_tasks = true } end

  local HARM = {
    ["that is tried again"] = function() error("not yet") end,
    ["whose worker died"] = function() os.exit(1) end,
  }
  for what, harm in pairs(HARM) do
    it("goes on with a task " .. what, function()
      local p <close> = pool()
      local attempts = workerpool.Value("q", 0)
      local results = p:map(function(counter)
        if counter:add(1) < 7 then harm() end
        return "done"
      end, { attempts }, { retries = 10 })
      assert.are.equal("done", results[1])
    end)
  end

  it("goes on behind tasks that cannot be sent", function()
    local p <close> = pool()
    local list = {}
    for i = 1, 30 do list[i] = i % 3 == 0 and { io.stdout } or i end
    for _, method in ipairs { "map", "imap" } do
      local results = {}
      if method == "map" then
        results = p:map(function(x) return x end, list, { on_error = "collect", chunk_size = 30 })
      else
        for i, x in p:imap(function(x) return x end, list, { on_error = "collect", chunk_size = 30 }) do
          results[i] = x
        end
      end
      for i = 1, 30 do
        if i % 3 == 0 then assert.are.equal("encode", results[i].kind)
        else assert.are.equal(i, results[i]) end
      end
    end
  end)

  it("gives parcels to workers in turn", function()
    local p <close> = workerpool.WorkerPool {
      n_jobs = 4, order_tasks = true, pass_worker_id = true,
    }
    local list = { 1, { io.stdout }, 2, { io.stdout }, 3 }
    local results = p:map(function(id) return id end, list, { on_error = "collect", chunk_size = 5 })
    assert.are.same({ 0, 1, 2 }, { results[1], results[3], results[5] })
  end)
end)
