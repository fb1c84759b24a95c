-- A host that gets SIGINT while its tasks do harm. Lua's own interpreter makes
-- an error of the signal, which comes up wherever the host then is.
--
--   lua5.4 interrupted.lua CPATH METHOD FAULT MEMORY_LIMIT

package.cpath = arg[1]

local workerpool = require "workerpool"
local core = require "workerpool.core"
local misdeeds = require "misdeeds"
local crimes = require "spec.robust.matrix.crimes"

local SIGINT = 2
local tasks = {}
for i = 1, 9 do tasks[i] = { i, i > 1 and i or 0, arg[3] } end

local pool <close> = workerpool.WorkerPool {
  n_jobs = 2, start_method = arg[2], memory_limit = tonumber(arg[4]) }
local got = 0
local ok, err = pcall(function()
  for _ in pool:imap(crimes.task, tasks, { chunk_size = 1, on_error = "collect" }) do
    got = got + 1
    misdeeds.kill(core.getpid(), SIGINT)
  end
end)
print(ok, tostring(err):match("interrupted!"), got)
local list = pool:map(crimes.right, workerpool.range(6))
print(table.concat(list, " "))
