-- The record of instructions is of the documents and the cases that there are;
-- `make instructions RECORD=1` writes it.

-- name -> list of figures, and what stands in comments.
local function read_record()
  local rows, comments = {}, {}
  for line in io.lines "spec/bench/instructions.txt" do
    local name, rest = line:match("^(%S.-)  +(.*)$")
    if line:sub(1, 2) == "# " then
      comments[#comments + 1] = line:sub(3)
    elseif name then
      local row = {}
      for cell in rest:gmatch("%S+") do row[#row + 1] = tonumber(cell) end
      rows[name] = row
    end
  end
  return rows, comments
end

describe("the record of instructions", function()
  local rows, comments = read_record()

  it("has figures for every document, lua-cjson's too where it can carry it", function()
    for _, document in ipairs(dofile "spec/bench/codec_documents.lua") do
      local row = rows[document.name]
      assert.is_table(row, document.name .. " is not in the record")
      assert.equal(document.cjson == false and 2 or 4, #row, document.name)
      for _, figure in ipairs(row) do assert.is_true(figure > 0) end
    end
  end)

  it("has figures for what a task costs", function()
    assert.equal(3, #rows["integers of a range"])
    assert.equal(3, #rows["records of a list"])
  end)

  it("says which compiler and which Lua it is of", function()
    assert.equal(3, #comments)
    assert.matches("^Lua 5%.4", comments[3])
  end)
end)
