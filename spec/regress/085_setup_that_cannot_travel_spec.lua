-- Shared objects and init functions that could not be sent to workers which
-- inherit nothing were refused without the caller's line, under a name of ours.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"

local HERE = "^.-085_setup_that_cannot_travel_spec%.lua:%d+: "

describe("What cannot be sent to new workers is named at the caller's line", function()
  helper.guard()

  for _, method in ipairs { "spawn", "forkserver", "threading" } do
    local text = ("start_method '%s' sends workers what they are given: "):format(method)

    local function refused(words, options, call)
      options.n_jobs, options.start_method = 1, method
      local pool <close> = workerpool.WorkerPool(options)
      local ok, err = pcall(function()
        local _ = call(pool)
      end)
      assert.is_false(ok)
      assert.matches(HERE, err)
      assert.are.equal(text .. words, (err:gsub(HERE, "")))
    end

    it("with " .. method, function()
      local file = io.stdout
      local function use() return io.type(file) end
      refused("cannot send shared_objects.log: userdata (FILE*)", { shared_objects = { log = file } },
        function(pool) return pool:map(math.abs, { 1 }) end)
      refused("cannot send worker_init upvalue 'file': userdata (FILE*)", {},
        function(pool) return pool:map(math.abs, { 1 }, { worker_init = use }) end)
      refused("cannot send worker_exit upvalue 'file': userdata (FILE*)", {},
        function(pool) return pool:apply(math.abs, { 1 }, { worker_exit = use }) end)
      refused("cannot send worker_exit upvalue 'file': userdata (FILE*)", {}, function(pool)
        for _ in pool:imap(math.abs, { 1 }, { worker_exit = use }) do error("it began") end
      end)
    end)
  end
end)
