-- Every option refuses what it does not take, by its name and that of the call.

local helper = require "spec.support.helper"
local options = require "workerpool.options"
local workerpool = require "workerpool"

local TITLES = { constructor = "WorkerPool", map = "map", apply = "apply",
  progress = "progress_bar_options", chunk = "chunk_tasks" }

-- Whatever an option takes, it does not take all of these.
local VALUES = { "no such thing", -1, 0.5, 0 / 0, true, {}, { "x" }, print, io.stdout }

-- Takes anything.
local ANY = { shared_objects = true }

local function refusals(call, option)
  local messages = {}
  for _, value in ipairs(VALUES) do
    local checked, message = options.problem(call, { [option.name] = value })
    if not checked then messages[#messages + 1] = message end
  end
  return messages
end

describe("misuse", function()
  helper.guard()

  for call, title in pairs(TITLES) do
    for _, option in ipairs(options.describe(call)) do
      if not ANY[option.name] then
        it(("of %s in %s is refused by name"):format(option.name, title), function()
          local messages = refusals(call, option)
          assert.is_true(#messages >= 2, "takes nearly anything")
          for _, message in ipairs(messages) do
            assert.is_truthy(message:find(title, 1, true), message)
            assert.is_truthy(message:find(option.name, 1, true), message)
            assert.is_truthy(message:find("got ", 1, true)
              or message:find("unknown option", 1, true), message)
          end
        end)
      end
    end
  end

  it("of a pool by a call's option says whose it is", function()
    local ok, message = pcall(workerpool.WorkerPool, { chunk_size = 3 })
    assert.is_false(ok)
    assert.matches("unknown option 'chunk_size' %(it is an option of map", message)
  end)
end)

describe("every option", function()
  local text = helper.run("cat spec/mpire/*.lua spec/pool/*.lua spec/progress/*.lua "
    .. "spec/start/*.lua spec/seed/*.lua spec/insights/*.lua spec/output/*.lua "
    .. "spec/unit/progress_spec.lua").stdout
  for _, option in ipairs(options.describe()) do
    it("is used in a spec: " .. option.name, function()
      assert.is_truthy(text:find(option.name .. "%s*=") or text:find('"' .. option.name .. '"'),
        option.name)
    end)
  end
end)
