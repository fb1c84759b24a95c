-- "When things go wrong" quotes messages: what it quotes is what the sources say.

local helper = require "spec.support.helper"

local function sources()
  local texts = {}
  for line in assert(io.popen("cat lua/workerpool/*.lua src/*.c")):lines() do
    texts[#texts + 1] = line
  end
  -- Literals that go on in the next line are one.
  return (table.concat(texts, "\n"):gsub('"%s*\n%s*%.?%.?%s*"', ""):gsub('"%s*%.%.%s*"', ""))
end

-- The longest part of a quoted message without numbers and names.
local function fixed_part(message)
  local longest = ""
  for part in (message .. " "):gsub("%f[%w][NICS]%f[%W]", "\0"):gsub("SIG%u+", "\0")
    :gsub("args.-:", "\0"):gsub("result.-:", "\0"):gmatch("[^%z]+") do
    part = part:match("^%s*(.-)%s*$")
    if #part > #longest then longest = part end
  end
  return longest
end

-- Texts of the system, and kinds of Lua values.
local OTHERS = {
  ["while running task"] = "running a task", ["while starting"] = "while starting",
  ["Resource temporarily unavailable"] = "cannot start worker",
  ["Cannot allocate memory"] = "cannot start worker",
  [": Resource temporarily unavailable"] = "cannot start worker",
  [": Cannot allocate memory"] = "cannot start worker",
  ["userdata"] = "cannot send", ["thread"] = "cannot send", ["cannot send"] = "cannot send",
  ["worker_init:"] = "worker_%s: %s", ["worker_exit:"] = "worker_%s: %s",
  ["called exit with status"] = "called exit with status",
}

describe("when-things-go-wrong.md", function()
  helper.guard()
  local text, found = sources(), 0
  for row in helper.read("docs/when-things-go-wrong.md"):gmatch("\n|([^\n]*)") do
    local cell = row:match("^(.-)%s|")
    for message in cell:gmatch("`([^`]+)`") do
      found = found + 1
      it("quotes what there is: " .. message, function()
        local part = fixed_part(message)
        part = OTHERS[part] or part
        assert.is_truthy(text:find(part, 1, true), part)
      end)
    end
  end
  it("has such quotations", function() assert.is_true(found >= 16) end)
end)
