-- What specs have in common about mistakes: small tasks with traces in a file,
-- and calls that must be refused, those with wrong options at the caller's line.

local assert = require "luassert"
local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local refusals = {}

function refusals.same(...) return ... end

function refusals.note(path, text)
  local file <close> = assert(io.open(path, "a"))
  file:write(text, "\n")
end

function refusals.lines_of(path)
  local text = helper.read(path) or ""
  return select(2, text:gsub("\n", ""))
end

-- f(...) must raise something that the pattern is in.
function refusals.refused(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(pattern, tostring(message))
end

-- The message of a constructor or call that is refused, which must blame the
-- line in the file that contains f.
function refusals.refusal(f, ...)
  local ok, message = pcall(f, ...)
  local file = debug.getinfo(f, "S").short_src:match("[^/]*$")
  assert.is_false(ok)
  assert.are.equal("string", type(message))
  assert.is_truthy(message:find(file .. ":", 1, true), message)
  return message
end

-- All calls of these names refuse the option, and none starts a worker for it.
local function refused_by(calls, n_jobs, name, ...)
  local pool <close> = WorkerPool { n_jobs = n_jobs }
  for _, wrong in ipairs { ... } do
    for _, call in ipairs(calls) do
      local message = refusals.refusal(function()
        pool[call](pool, refusals.same, { 1 }, { [name] = wrong })
      end)
      assert.matches(call .. ": option '" .. name .. "': wanted .*, got ", message)
    end
  end
  assert.are.same({}, helper.children())
end

function refusals.refused_by_maps(...)
  refused_by({ "map", "map_unordered", "imap", "imap_unordered" }, 2, ...)
end

function refusals.refused_by_apply(...)
  refused_by({ "apply", "apply_async" }, 1, ...)
end

return refusals
