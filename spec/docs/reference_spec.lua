-- docs/generate.lua: what it writes is in step, and says when it is not.

local helper = require "spec.support.helper"

local function generate(argument, options)
  return helper.run({ helper.lua, "docs/generate.lua", argument }, options)
end

describe("the reference", function()
  helper.guard()

  it("is as its sources say", function()
    local done = generate("--check")
    assert.are.equal("", done.stderr)
    assert.are.equal(0, done.status)
  end)

  it("names every option, and every function of the module", function()
    local reference, options = helper.read("docs/reference.md"), helper.read("docs/options.md")
    for _, option in ipairs(require("workerpool.options").describe()) do
      assert.is_truthy(options:find(("| `%s` |"):format(option.name), 1, true), option.name)
    end
    for name, value in pairs(require "workerpool") do
      if type(value) == "function" then
        assert.is_truthy(reference:find("### workerpool." .. name .. "(", 1, true), name)
      end
    end
  end)

  it("is refused by the check when it is older than its sources", function()
    local dir = helper.tmpdir()
    os.execute(("cp -r docs lua %s"):format(helper.quote(dir)))
    local path = dir .. "/docs/options.md"
    helper.write(path, helper.read(path) .. "more\n")
    local done = generate("--check", { cwd = dir })
    assert.are.equal(1, done.status)
    assert.are.equal("generate: docs/options.md is not as its sources say: run `make docs`\n",
      done.stderr)
  end)
end)
