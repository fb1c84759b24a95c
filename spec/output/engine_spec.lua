-- What workers print, as events of the C library.

local helper = require "spec.support.helper"
local prints = helper.compile("spec/support/fixtures/prints.c")

describe("the engine", function()
  helper.guard()

  it("leaves what workers print alone unless told otherwise, line by line", function()
    local done = helper.run { prints, "0" }
    assert.are.equal(0, done.status)
    for _, task in ipairs { 10, 11, 20, 21 } do
      assert.is_truthy(done.stdout:find(("out %d of job\n"):format(task), 1, true))
    end
    assert.is_nil(done.stdout:find("output", 1, true))
    -- A line that was not over when its worker was killed.
    assert.are.equal("", done.stderr)
    assert.is_truthy(done.stdout:find("exit at 20+1, printed 0: |\n", 1, true))
  end)

  it("relays both streams, before the results of what follows", function()
    local done = helper.run { prints, "relay" }
    assert.are.same({ 0, "" }, { done.status, done.stderr })
    local streams, seen = { "", "" }, nil
    for line in done.stdout:gmatch("(.-)|\n") do
      local stream, text = line:match("^output (%d): (.*)$")
      if stream then
        streams[tonumber(stream)] = streams[tonumber(stream)] .. text
      elseif line:find("^result 10") then
        seen = seen or streams[1] .. streams[2]
      end
    end
    assert.are.same({ "out 10 of job\nout 11 of job\nout 20 of job\nout 21 of job\n",
      "err 10err 11err 20err 21" }, streams)
    assert.is_truthy(seen:find("out 10 of job\n", 1, true) and seen:find("err 10", 1, true))
  end)

  it("says which task has printed what", function()
    local done = helper.run { prints, "marked" }
    assert.are.same({ 0, "" }, { done.status, done.stderr })
    local by_task, n = {}, 0
    for stream, task, text in done.stdout:gmatch("output (%d) of (%d+): (.-)|\n") do
      local key = stream .. " " .. task
      by_task[key] = (by_task[key] or "") .. text
      n = n + 1
    end
    for _, task in ipairs { 10, 11, 20, 21 } do
      assert.are.equal(("out %d of job\n"):format(task), by_task["1 " .. task])
      assert.are.equal("err " .. task, by_task["2 " .. task])
    end
    assert.are.equal(n, select(2, done.stdout:gsub("output ", "")))
  end)

  it("captures both streams in order, for the task and for its end", function()
    local done = helper.run { prints, "capture" }
    assert.are.same({ 0, "" }, { done.status, done.stderr })
    local results = {}
    for _, text in done.stdout:gmatch("result (%S+) x%d: (.-)|\n") do
      results[#results + 1] = text
    end
    assert.are.equal("b\nerr 10b\nerr 11b\nerr 20", table.concat(results))
    assert.matches("exit at 20%+1, printed 20: out 21 of job\nerr 21|\n", done.stdout)
  end)
end)

describe("marks in relayed output", function()
  helper.guard()

  it("are found wherever a read cuts them", function()
    local marks = helper.compile("spec/support/fixtures/marks.c")
    assert.are.equal("0 wrong\n", helper.run({ marks }).stdout)
  end)
end)
