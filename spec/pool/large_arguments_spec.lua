-- timeout: 120
-- Strings so long that they are not copied on their way out, but gathered from
-- where Lua has them.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local LONG = 8192

local function text_of(i, size)
  return (("%08d"):format(i)):rep(size // 8 + 1):sub(1, size)
end

describe("Long strings", function()
  helper.guard()

  for _, n_jobs in ipairs { 0, 2 } do
    describe("with n_jobs = " .. n_jobs, function()
      it("arrive among short values, in any number and order", function()
        local pool <close> = WorkerPool { n_jobs = n_jobs }
        local tasks = {}
        for i = 1, 60 do
          tasks[i] = { i, text_of(i, LONG - 1 + i % 3), { key = text_of(-i, LONG), "x" }, "end" }
        end
        local numbers, texts, tables, ends = pool:map(function(...) return ... end, tasks,
          { chunk_size = 7 })
        for i = 1, 60 do
          assert.are.equal(i, numbers[i])
          assert(texts[i] == tasks[i][2])
          assert(tables[i].key == tasks[i][3].key and tables[i][1] == "x")
          assert.are.equal("end", ends[i])
        end
      end)

      it("are one value where they were one", function()
        local pool <close> = WorkerPool { n_jobs = n_jobs }
        local text = text_of(1, 3 * LONG)
        local a, b, c = pool:apply(function(x, y) return { x, y }, x, #x end, { text, text })
        assert(a[1] == text and a[2] == text and b == text)
        assert.are.equal(3 * LONG, c)
      end)

      it("leave nothing behind in a task that cannot be sent after all", function()
        local pool <close> = WorkerPool { n_jobs = n_jobs }
        local tasks = {}
        for i = 1, 20 do
          tasks[i] = { text_of(i, LONG), i % 5 == 0 and coroutine.create(print) or i }
        end
        local results = pool:map(function(text, i) return text .. i end, tasks,
          { on_error = "collect", chunk_size = 20 })
        for i = 1, 20 do
          if i % 5 == 0 then
            assert.are.equal("encode", results[i].kind)
          else
            assert(results[i] == text_of(i, LONG) .. i)
          end
        end
      end)

      it("leave nothing behind in a result that cannot be sent after all", function()
        local pool <close> = WorkerPool { n_jobs = n_jobs }
        local results = pool:map(function(i)
          local text = (("%08d"):format(i)):rep(10000)
          if i % 3 == 0 then return text, coroutine.create(print) end
          return text
        end, workerpool.range(12), { on_error = "collect", chunk_size = 6 })
        for i = 1, 12 do
          if i % 3 == 0 then
            assert.are.equal("encode", results[i].kind)
          else
            assert(results[i] == text_of(i, 80000))
          end
        end
      end)

      it("may come from __workerpool_pack, where nobody else has them", function()
        local mt = {}
        mt.__index = mt
        function mt:__workerpool_pack() return text_of(self.i, 2 * LONG) end
        function mt.__workerpool_unpack(text) return setmetatable({ text = text }, mt) end
        workerpool.register_class("spec.long_text_" .. n_jobs, mt)
        local pool <close> = WorkerPool { n_jobs = n_jobs }
        local objects = {}
        for i = 1, 30 do objects[i] = setmetatable({ i = i }, mt) end
        local texts = pool:map(function(object)
          collectgarbage()
          return object.text
        end, objects, { chunk_size = 10 })
        for i = 1, 30 do assert(texts[i] == text_of(i, 2 * LONG)) end
      end)
    end)
  end
end)
