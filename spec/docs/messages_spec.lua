-- "When things go wrong" quotes messages: what it quotes is what the sources say,
-- and what the sources say it quotes.

local exempt = require "spec.docs.messages_exempt"
local helper = require "spec.support.helper"
local said = require "spec.docs.said"

local function sources()
  local texts = {}
  for line in assert(io.popen("cat lua/workerpool/*.lua lua/workerpool/*/*.lua src/*.c")):lines() do
    texts[#texts + 1] = line
  end
  -- Literals that go on in the next line are one.
  return (table.concat(texts, "\n"):gsub('"%s*\n%s*%.?%.?%s*"', ""):gsub('"%s*%.%.%s*"', ""))
end

-- The longest part of a quoted message without numbers and names.
local function fixed_part(message)
  local longest = ""
  for part in (message .. " "):gsub("%f[%w][NICS]%f[%W]", "\0"):gsub("SIG%u+", "\0")
    :gsub("%f[%w]TEXT%f[%W]", "\0"):gsub("%f[%w]TYPE%f[%W]", "\0"):gsub("FILE", "\0")
    :gsub("METHOD", "\0"):gsub(": Too many open files", "\0")
    :gsub(": File too large", "\0"):gsub(": Cannot allocate memory", "\0")
    :gsub(": Resource temporarily unavailable", "\0")
    :gsub(": No child processes", "\0")
    :gsub("'[SM]'", "\0"):gsub("%d+ levels", "\0")
    :gsub("args.-:", "\0"):gsub("result.-:", "\0"):gmatch("[^%z]+") do
    part = part:match("^%s*(.-)%s*$")
    if #part > #longest then longest = part end
  end
  return longest
end

-- Texts of the system, and kinds of Lua values.
local OTHERS = {
  ["while running task"] = "running a task", ["while starting"] = "while starting",
  ["userdata"] = "cannot send", ["thread"] = "cannot send", ["cannot send"] = "cannot send",
  ["worker_init:"] = "worker_%s: %s", ["worker_exit:"] = "worker_%s: %s",
  ["called exit with status"] = "called exit with status",
  ["pool: Bad file descriptor"] = '"pool: "', -- the rest is the kernel's word
}

-- What is quoted in the first cells of the page's tables.
local function quotations()
  local found = {}
  for row in helper.read("docs/when-things-go-wrong.md"):gmatch("\n|([^\n]*)") do
    for message in row:match("^(.-)%s|"):gmatch("`([^`]+)`") do found[#found + 1] = message end
  end
  return found
end

describe("when-things-go-wrong.md", function()
  helper.guard()
  local text, quoted = sources(), quotations()
  for _, message in ipairs(quoted) do
    it("quotes what there is: " .. message, function()
      local part = fixed_part(message)
      part = OTHERS[part] or part
      assert.is_truthy(text:find(part, 1, true), part)
    end)
  end
  it("has such quotations", function() assert.is_true(#quoted >= 60) end)

  local page = helper.read("docs/when-things-go-wrong.md"):gsub("%s+", " ")

  -- In full; or a part of it, as long as that part is no mere word.
  local function is_on_page(message)
    if page:find(said.fixed_part(message), 1, true) then return true end
    for _, quotation in ipairs(quoted) do
      local part = fixed_part(quotation)
      if #part >= 14 and message:find(part, 1, true) then return true end
    end
    return false
  end

  local function is_exempt(message)
    for _, group in ipairs(exempt) do
      for _, pattern in ipairs(group) do
        if message:find(pattern) then return true end
      end
    end
    return false
  end

  it("has every message that a user may see", function()
    local all, missing = said.all(), {}
    assert.is_true(#all > 150, #all)
    for _, one in ipairs(all) do
      if not is_exempt(one.text) and not is_on_page(one.text) then
        missing[#missing + 1] = one.file .. ": " .. one.text
      end
    end
    assert.are.equal("", table.concat(missing, "\n"),
      "give these a row with cause and cure, or a reason in spec/docs/messages_exempt.lua")
  end)

  it("lets off only what there is", function()
    local texts, idle = {}, {}
    for _, one in ipairs(said.all()) do texts[#texts + 1] = one.text end
    for _, group in ipairs(exempt) do
      for _, pattern in ipairs(group) do
        local is_used = false
        for _, message in ipairs(texts) do is_used = is_used or message:find(pattern) ~= nil end
        if not is_used then idle[#idle + 1] = pattern end
      end
    end
    assert.are.equal("", table.concat(idle, "\n"))
  end)
end)
