-- Every Lua sample of the README and the manual is run as a program of its
-- own; where a text block follows, that is what it prints. A block that is
-- marked "lua norun" is compiled only.

local helper = require "spec.support.helper"

local function pages()
  local pipe <close> = assert(io.popen("ls README.md docs/*.md"))
  local list = {}
  for path in pipe:lines() do list[#list + 1] = path end
  return list
end

-- The blocks of a page: { language, text, line } in order.
local function blocks_of(path)
  local blocks, block, number = {}, nil, 0
  for line in io.lines(path) do
    number = number + 1
    local fence = line:match("^```(.*)$")
    if fence and block then
      block = nil
    elseif fence then
      block = { language = fence, text = "", line = number }
      blocks[#blocks + 1] = block
    elseif block then
      block.text = block.text .. line .. "\n"
    end
  end
  return blocks
end

describe("a sample of the manual", function()
  helper.guard()
  local found = 0

  for _, path in ipairs(pages()) do
    local blocks = blocks_of(path)
    for i, block in ipairs(blocks) do
      local name = path .. ":" .. block.line
      if block.language == "lua norun" then
        it("compiles: " .. name, function() assert(load(block.text, "=" .. name)) end)
      elseif block.language == "lua" then
        found = found + 1
        it("runs: " .. name, function()
          local program = helper.write(helper.tmpdir() .. "/sample.lua", block.text)
          local result = helper.run({ helper.lua, program }, { timeout = 60 })
          assert.are.equal(0, result.status, result.stderr)
          local after = blocks[i + 1]
          if after and after.language == "text" then
            assert.are.equal(after.text, result.stdout)
          end
        end)
      end
    end
  end

  it("is there", function() assert.is_true(found >= 3) end)
end)
