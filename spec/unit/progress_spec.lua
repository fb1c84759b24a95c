-- Progress: what a line looks like, and when which is drawn where. The
-- terminal, its width and the clock are made up.

local meter = require "workerpool.meter"
local progress = require "workerpool.progress"

local render = progress.render

local function snapshot(more)
  local p = { done = 42, total = 100, failed = 0, elapsed = 1.05, rate = 39.8, eta = 1.45 }
  for key, value in pairs(more or {}) do p[key] = value end
  return p
end

describe("a line", function()
  it("has description, percentage, bar, count, times and rate", function()
    assert.equal("desc:  42%|████▏     | 42/100 [00:01<00:01, 39.8task/s]",
      render(snapshot(), { desc = "desc" }))
  end)

  it("has no bar while the total is not known", function()
    local p = snapshot()
    p.total, p.eta = nil, nil
    assert.equal("42task [00:01, 39.8task/s]", render(p, {}))
    assert.equal("desc: 42f [00:01, 39.8f/s]", render(p, { desc = "desc", unit = "f" }))
  end)

  it("treats a total of 0, and one that was passed, as not known", function()
    assert.equal("0task [00:00, ?task/s]", render({ done = 0, total = 0, elapsed = 0 }))
    assert.equal("5task [00:01, 2.00task/s]",
      render({ done = 5, total = 3, elapsed = 1, rate = 2, eta = 0 }))
  end)

  it("counts failures when there are any", function()
    assert.equal(" 42%|####2     | 42/100 [00:01<00:01, 39.8task/s, 3 failed]",
      render(snapshot { failed = 3 }, { ascii = true }))
  end)

  it("says why the work ended early, in place of what is to come", function()
    assert.equal(" 42%|████▏     | 42/100 [00:01, 39.8task/s] stopped: task error",
      render(snapshot { stopped = "task error" }))
  end)

  it("is not full before the work is done", function()
    assert.match("^ 99%%", render { done = 9999, total = 10000, elapsed = 1 })
    assert.match("^100%%|██████████|", render { done = 5, total = 5, elapsed = 1 })
    assert.match("^  0%%|          |", render { done = 0, total = 5, elapsed = 1 })
  end)

  it("fills the width it is given, whatever is in it", function()
    for columns = 60, 100 do
      for _, options in ipairs { {}, { desc = "grün 日本" }, { ascii = true }, { colour = "red" } } do
        assert.equal(columns, meter.width(render(snapshot(), options, columns)))
      end
    end
  end)

  it("is never wider than the terminal", function()
    for columns = 1, 60 do
      local line = render(snapshot(), { desc = "日本語", colour = "red" }, columns)
      assert.is_true(meter.width(line) <= columns)
      assert.is_truthy(utf8.len(line))
    end
  end)

  it("has the width of ncols when that is given, and no bar when it is 0", function()
    assert.equal(70, meter.width(render(snapshot(), { ncols = 70 }, 200)))
    assert.equal(" 42% 42/100 [00:01<00:01, 39.8task/s]", render(snapshot(), { ncols = 0 }))
  end)

  it("colours the bar and nothing else", function()
    assert.match("|\27%[32m[^|]*\27%[0m|", render(snapshot(), { colour = "green" }, 60))
    assert.match("|\27%[38;2;255;0;127m", render(snapshot(), { colour = "#ff007F" }, 60))
    assert.not_match("\27", render(snapshot(), { colour = "green" }, 20))
  end)

  it("draws in other styles and with characters of one's own", function()
    assert.match("|━━━━[╸ ]", render(snapshot(), { style = "rich" }))
    assert.match("|OOOO%.     |", render(snapshot { done = 45 }, { ascii = " .oO" }))
  end)

  it("stays one line, whatever the description holds", function()
    assert.match("^a b %[31m: ", render(snapshot(), { desc = "a\nb\27[31m" }))
    assert.match("^%?x: ", render(snapshot(), { desc = "\xFFx" }))
  end)
end)

describe("figures", function()
  it("are times of minutes, then of hours", function()
    assert.equal("00:00", meter.clock(0.4))
    assert.equal("01:05", meter.clock(65))
    assert.equal("59:59", meter.clock(3599.9))
    assert.equal("1:00:00", meter.clock(3600))
    assert.equal("100:00:01", meter.clock(360001))
    assert.equal("?", meter.clock(nil))
    assert.equal("?", meter.clock(math.huge))
  end)

  it("are rates with three digits, or seconds for one when it is slow", function()
    local function rate(r)
      return render({ done = 1, elapsed = 1, rate = r }, {}):match(", (.*)%]")
    end
    assert.equal("1.00task/s", rate(1))
    assert.equal("10.0task/s", rate(9.999))
    assert.equal("123task/s", rate(123.4))
    assert.equal("39800task/s", rate(39800))
    assert.equal("2.50s/task", rate(0.4))
    assert.equal("?task/s", rate(0))
    assert.equal("?task/s", rate(nil))
  end)
end)

describe("a bar", function()
  it("is made of eighths", function()
    local blocks = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" }
    assert.equal("    ", meter.bar(0, 4, blocks))
    assert.equal("██  ", meter.bar(0.5, 4, blocks))
    assert.equal("██▌ ", meter.bar(0.625, 4, blocks))
    assert.equal("███▉", meter.bar(0.999, 4, blocks))
    assert.equal("████", meter.bar(1, 4, blocks))
    assert.equal("████", meter.bar(7, 4, blocks))
    assert.equal("    ", meter.bar(-1, 4, blocks))
  end)
end)

-- A file that remembers what was written to it, one string for each write.
local function memory()
  return {
    writes = {},
    write = function(self, text) self.writes[#self.writes + 1] = text; return self end,
    text = function(self) return table.concat(self.writes) end,
  }
end

local function clock()
  local c = { at = 100 }
  c.now = function() return c.at end
  return c
end

local function on_terminal(total, more)
  local file, c = memory(), clock()
  local opts = {
    file = file, now = c.now, is_tty = function() return true end,
    columns = function() return 60 end, mininterval = 0.1, ascii = true, position = 0,
  }
  for key, value in pairs(more or {}) do opts[key] = value end
  return progress.new(total, opts), file, c
end

describe("a bar on a terminal", function()
  it("redraws its line at most every mininterval, each time by one write", function()
    local bar, file, c = on_terminal(100)
    for i = 0, 100 do
      c.at = 100 + i * 0.01
      bar:update({ done = i }, c.at)
    end
    assert.is_true(#file.writes >= 9 and #file.writes <= 11)
    for _, text in ipairs(file.writes) do
      assert.match("^\r", text)
      assert.not_match("\n", text)
      assert.is_true(meter.width(text:sub(2)) <= 59)
    end
  end)

  it("ends with the last numbers and a line end", function()
    local bar, file, c = on_terminal(10)
    bar:update({ done = 0 }, c.at)
    bar:update({ done = 10 }, c.at)
    c.at = c.at + 2
    bar:close()
    assert.match("100%%|#+| 10/10 %[00:02<00:00, 5%.00task/s%] *\n$", file.writes[#file.writes])
  end)

  it("smooths its rate", function()
    local bar, file, c = on_terminal(1000)
    bar:update({ done = 0 }, c.at)
    for _ = 1, 50 do
      c.at = c.at + 1
      bar:update({ done = (c.at - 100) * 10 }, c.at)
    end
    assert.match("10%.0task/s", file.writes[#file.writes])
    c.at = c.at + 1
    bar:update({ done = 520 }, c.at)
    local rate = tonumber(file.writes[#file.writes]:match("([%d.]+)task/s"))
    assert.is_true(rate > 10 and rate < 20)
  end)

  it("does not take the time between two long tasks for standing still", function()
    local bar, file, c = on_terminal(100)
    bar:update({ done = 0 }, c.at)
    for i = 1, 100 do -- one task every ten seconds, drawn each second
      c.at = c.at + 1
      bar:update({ done = i // 10 }, c.at)
      local seconds = file.writes[#file.writes]:match("([%d.]+)s/task")
      if i > 20 then assert.is_true(math.abs(tonumber(seconds) - 10) < 6, seconds) end
    end
  end)

  it("erases itself when it is not to stay", function()
    local bar, file = on_terminal(10, { leave = false })
    bar:update({ done = 5 })
    local drawn = meter.width(file.writes[1]:sub(2))
    bar:close()
    assert.equal("\r" .. (" "):rep(drawn) .. "\r", file.writes[#file.writes])
  end)

  it("erases no more than it drew, colours not counted", function()
    local bar, file = on_terminal(10, { leave = false, colour = "red" })
    bar:update({ done = 5 })
    bar:close()
    assert.is_true(#file.writes[#file.writes] <= 61)
  end)

  it("wipes what a longer line left behind", function()
    local bar, file, c = on_terminal(nil, { desc = "long" })
    bar:update({ done = 1000, failed = 5 }, c.at)
    c.at = c.at + 1
    bar:update({ done = 1, failed = 0 }, c.at)
    assert.equal(meter.width(file.writes[1]), meter.width(file.writes[2]))
  end)

  it("draws further down and comes back when it has a position", function()
    local bar, file = on_terminal(10, { position = 2 })
    bar:update({ done = 5 })
    assert.match("^\n\n\r.*\r\27%[2A$", file.writes[1])
    bar:close()
    assert.match("\27%[2A$", file.writes[2])
    local main, main_file = on_terminal(10)
    main:update({ done = 10 })
    main:close()
    assert.match("\n\n\n$", main_file:text())
  end)

  it("says why it stopped", function()
    local bar, file = on_terminal(10)
    bar:update({ done = 5 })
    bar:close("error")
    assert.match(" 5/10 .* stopped: task error", file.writes[#file.writes])
    local other, other_file = on_terminal(10)
    other:close("interrupt")
    assert.match("stopped: interrupted", other_file:text())
  end)

  it("is closed once, and draws nothing after that", function()
    local bar, file = on_terminal(10)
    bar:close()
    bar:close("error")
    bar:update({ done = 5 })
    assert.equal(1, #file.writes)
  end)

  it("can be a to-be-closed variable", function()
    local bar, file = on_terminal(10)
    pcall(function()
      local _ <close> = bar
      error "x"
    end)
    assert.match("stopped: task error", file:text())
  end)

  it("switches to a total that becomes known", function()
    local bar, file, c = on_terminal(nil)
    bar:update({ done = 5 }, c.at)
    assert.match("5task ", file.writes[1])
    c.at = c.at + 1
    bar:update({ done = 6, total = 12 }, c.at)
    assert.match(" 6/12 ", file.writes[2])
  end)
end)

describe("a file that is no terminal", function()
  it("gets plain lines when it was asked for: at every tenth, or every ten seconds", function()
    local file, c = memory(), clock()
    local lines = progress.new(1000, { file = file, now = c.now })
    for i = 0, 1000 do
      c.at = 100 + i * 0.011
      lines:update({ done = i }, c.at)
    end
    lines:close()
    assert.equal(11, #file.writes)
    assert.match("^ 10%% 100/1000 %[", file.writes[2])
    assert.match("^100%% 1000/1000 %[00:11<00:00, 90.9task/s%]\n$", file.writes[11])
    for _, text in ipairs(file.writes) do assert.match("^[^\r\n\27]+\n$", text) end
  end)

  it("gets a line every ten seconds from slow work", function()
    local file, c = memory(), clock()
    local lines = progress.new(nil, { file = file, now = c.now })
    for i = 0, 100 do
      c.at = 100 + i
      lines:update({ done = i }, c.at)
    end
    assert.equal(11, #file.writes)
  end)

  it("gets nothing when it was not asked for", function()
    local c = clock()
    local none = progress.new(10, { now = c.now, is_tty = function() return false end })
    assert.equal("workerpool.progress.silent", getmetatable(none).__name)
    none:update({ done = 5 })
    none:close()
  end)

  it("gets nothing in the style none, and lines in the style plain on a terminal too", function()
    local bar, file = on_terminal(10, { style = "none" })
    bar:update({ done = 5 })
    bar:close()
    assert.equal("", file:text())
    bar, file = on_terminal(10, { style = "plain" })
    bar:update({ done = 5 })
    assert.match("^ 50%% 5/10 %[.*%]\n$", file:text())
  end)
end)

describe("a function in place of a bar", function()
  local function told(total, target)
    local c, calls = clock(), {}
    local bar = progress.callback(target or function(p) calls[#calls + 1] = p end, total,
      { now = c.now, mininterval = 0.1 })
    return bar, calls, c
  end

  it("is told at most every mininterval, and once at the end", function()
    local bar, calls, c = told(100)
    for i = 0, 100 do
      c.at = 100 + i * 0.01
      bar:update({ done = i, failed = 1 }, c.at)
    end
    bar:close()
    assert.is_true(#calls >= 9 and #calls <= 12)
    local ends = 0
    for _, p in ipairs(calls) do
      if p.done == p.total then ends = ends + 1 end
    end
    assert.equal(1, ends)
    local last = calls[#calls]
    assert.same({ 100, 100, 1 }, { last.done, last.total, last.failed })
    assert.is_nil(last.stopped)
    assert.equal(0, last.eta)
  end)

  it("gets rate and eta", function()
    local bar, calls, c = told(100)
    bar:update({ done = 0, elapsed = 0 }, c.at)
    c.at = c.at + 1
    bar:update({ done = 20, elapsed = 1 }, c.at)
    assert.equal(20, calls[2].rate)
    assert.equal(4, calls[2].eta)
    assert.equal(1, calls[2].elapsed)
  end)

  it("learns the total at the end when it was not known", function()
    local bar, calls = told(nil)
    bar:update({ done = 3 })
    bar:close()
    assert.same({ 3, 3 }, { calls[2].done, calls[2].total })
  end)

  it("is told the true numbers and the reason when the work stopped", function()
    local bar, calls = told(10)
    bar:update({ done = 5 })
    bar:close("error")
    assert.same({ 5, 10, "task error" }, { calls[2].done, calls[2].total, calls[2].stopped })
  end)

  it("is not called again after it raised", function()
    local n = 0
    local bar = told(10, function() n = n + 1; error "mine" end)
    assert.has_error(function() bar:update({ done = 1 }) end)
    bar:update({ done = 2 })
    bar:close()
    assert.equal(1, n)
  end)

  it("gets tables of its own", function()
    local bar, calls, c = told(10)
    bar:update({ done = 1 }, c.at)
    calls[1].done = 99
    c.at = c.at + 1
    bar:update({ total = 10 }, c.at)
    assert.equal(1, calls[2].done)
  end)
end)

describe("an object in place of a bar", function()
  it("has its methods called: update while it goes, close once at the end", function()
    local log = {}
    local object = {
      update = function(self, p) log[#log + 1] = { "update", self, p.done } end,
      close = function(self, p) log[#log + 1] = { "close", self, p.done, p.stopped } end,
    }
    local bar = progress.callback(object, 10, { now = clock().now })
    bar:update({ done = 0 })
    bar:update({ done = 10 })
    bar:close()
    bar:close()
    assert.same({
      { "update", object, 0 }, { "update", object, 10 }, { "close", object, 10 },
    }, log)
  end)

  it("may be callable instead", function()
    local seen
    local target = setmetatable({}, { __call = function(_, p) seen = p.done end })
    progress.callback(target, 10, { now = clock().now }):update { done = 4 }
    assert.equal(4, seen)
  end)
end)

describe("open", function()
  local function kind(...)
    return getmetatable(progress.open(...)).__name:match("[^.]+$")
  end

  it("chooses by the option progress_bar", function()
    assert.equal("silent", kind(false, 10, {}))
    assert.equal("callback", kind(print, 10, {}))
    assert.equal("callback", kind({ update = print, close = print }, 10, {}))
    assert.equal("bar", kind(true, 10, { file = memory(), is_tty = function() return true end }))
    assert.equal("lines", kind(true, 10, { file = memory() }))
  end)
end)

describe("the system's part", function()
  it("can be replaced", function()
    local real = progress.system.is_tty
    finally(function() progress.system.is_tty = real end)
    progress.system.is_tty = function() return true end
    assert.equal("workerpool.progress.bar",
      getmetatable(progress.new(10, { file = memory() })).__name)
  end)
end)
