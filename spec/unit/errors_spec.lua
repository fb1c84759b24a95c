-- The error object of a failed task: what it keeps and how it reads.

local errors = require "workerpool.errors"

local function lines(v)
  local list = {}
  for line in tostring(v):gmatch("[^\n]+") do list[#list + 1] = line end
  return list
end

describe("a task error", function()
  it("keeps every field it was made of", function()
    local fields = {
      kind = "crash", message = "m", cause = false, traceback = "t", worker_id = 0,
      task_index = 3, args = "1, 2", attempt = 2, signal = "SIGSEGV", exit_code = 1,
      hint = "h", results = { 1 },
    }
    local err = errors.new(fields)
    for name, value in pairs(fields) do assert.equal(value, err[name], name) end
  end)

  it("is known by is_error, and nothing else is", function()
    assert.is_true(errors.is_error(errors.new { message = "x" }))
    assert.is_false(errors.is_error { kind = "error", message = "x" })
    assert.is_false(errors.is_error "x")
    assert.is_false(errors.is_error(nil))
    assert.is_false(errors.is_error(setmetatable({}, { __metatable = errors.TaskError })))
  end)

  it("is of kind error unless another kind is given", function()
    assert.equal("error", errors.new({ message = "x" }).kind)
  end)

  it("refuses a kind that does not exist", function()
    assert.has_error(function() errors.new { kind = "oops", message = "x" } end)
  end)

  it("holds plain fields only, so that it can travel", function()
    for key, value in pairs(errors.new { message = "x", args = { 1, {} }, worker_id = 1 }) do
      assert.equal("string", type(key))
      assert.is_truthy(type(value) == "string" or type(value) == "number")
    end
    assert.equal("workerpool.TaskError", errors.TaskError.__name)
  end)

  it("turns a list of arguments into their preview", function()
    assert.equal('3, "x"', errors.new({ message = "m", args = { 3, "x" } }).args)
    assert.equal("nil, nil", errors.new({ message = "m", args = { n = 2 } }).args)
  end)

  it("takes its message from the cause when it has none", function()
    local own = setmetatable({}, { __tostring = function() return "own text" end })
    local broken = setmetatable({}, { __tostring = function() error "no" end })
    assert.equal("text", errors.new({ cause = "text" }).message)
    assert.equal("own text", errors.new({ cause = own }).message)
    assert.equal("(error object is {})", errors.new({ cause = broken }).message)
    assert.equal("in a record", errors.new({ cause = { message = "in a record" } }).message)
    assert.equal("(error object is {code=2})", errors.new({ cause = { code = 2 } }).message)
    assert.equal("42", errors.new({ cause = 42 }).message)
    assert.equal("(error object is false)", errors.new({ cause = false }).message)
    assert.equal("(error object is nil)", errors.new({}).message)
  end)
end)

describe("the text of a task error", function()
  it("has the message, the task, the hint and the traceback, in this order", function()
    local err = errors.new {
      message = "a.lua:3: boom", task_index = 17, args = { 3 }, worker_id = 2, attempt = 1,
      hint = "look there",
      traceback = "a.lua:3: boom\nstack traceback:\n\t[C]: in function 'error'\n\ta.lua:3: in f",
    }
    assert.same({
      "a.lua:3: boom",
      "task 17 (args: 3) on worker 2, attempt 1",
      "hint: look there",
      "worker traceback:",
      "  [C]: in function 'error'",
      "  a.lua:3: in f",
    }, lines(err))
  end)

  it("is the message alone when nothing else is known", function()
    assert.equal("boom", tostring(errors.new { message = "boom" }))
  end)

  it("leaves out what is not known", function()
    assert.same({ "boom", "on worker 0" }, lines(errors.new { message = "boom", worker_id = 0 }))
    assert.same({ "boom", "task 1" },
      lines(errors.new { message = "boom", task_index = 1, args = {} }))
    assert.same({ "boom" }, lines(errors.new { message = "boom", attempt = 2, traceback = "" }))
  end)

  it("is what an uncaught error shows", function()
    local ok, err = pcall(error, errors.new { message = "boom" })
    assert.is_false(ok)
    assert.equal("boom", tostring(err))
  end)
end)

describe("the name of a signal", function()
  it("is that of Linux", function()
    assert.equal("SIGHUP", errors.signal_name(1))
    assert.equal("SIGKILL", errors.signal_name(9))
    assert.equal("SIGSEGV", errors.signal_name(11))
    assert.equal("SIGTERM", errors.signal_name(15))
    assert.equal("SIGSYS", errors.signal_name(31))
    assert.equal("SIGRTMIN", errors.signal_name(34))
    assert.equal("SIGRTMIN+30", errors.signal_name(64))
  end)

  it("is a number for signals that do not exist", function()
    assert.equal("signal 0", errors.signal_name(0))
    assert.equal("signal 32", errors.signal_name(32))
    assert.equal("signal 99", errors.signal_name(99))
  end)
end)

describe("the error of a dead worker", function()
  it("names worker, signal and task, and what may be behind it", function()
    local err = errors.crash {
      signal = 9, worker_id = 1, task_index = 17, args = { 5 }, attempt = 2,
    }
    assert.equal("crash", err.kind)
    assert.equal("SIGKILL", err.signal)
    assert.equal(17, err.task_index)
    assert.equal(2, err.attempt)
    assert.equal("5", err.args)
    assert.equal("worker 1 died from SIGKILL while running task 17", err.message)
    assert.match("want of memory", err.hint)
  end)

  it("tells an exit from a signal", function()
    local err = errors.crash { exit_code = 3, worker_id = 0, task_index = 2 }
    assert.equal("worker 0 called exit with status 3 while running task 2", err.message)
    assert.equal(3, err.exit_code)
    assert.is_nil(err.signal)
    assert.equal("os.exit in a task ends its worker", err.hint)
  end)

  it("says in which phase the worker was", function()
    local function message(phase)
      return errors.crash({ signal = "SIGSEGV", worker_id = 1, phase = phase }).message
    end
    assert.equal("worker 1 died from SIGSEGV while running worker_init", message "worker_init")
    assert.equal("worker 1 died from SIGSEGV while running worker_exit", message "worker_exit")
    assert.equal("worker 1 died from SIGSEGV while waiting for work", message "idle")
    assert.equal("worker 1 died from SIGSEGV while starting", message "start")
    assert.equal("worker 1 died from SIGSEGV while running a task", message "task")
    assert.equal("worker 1 died from SIGSEGV", message(nil))
  end)

  it("has the caller's hint rather than the usual one", function()
    assert.equal("seen in the log", errors.crash({ signal = 9, hint = "seen in the log" }).hint)
  end)

  it("needs no fact at all", function()
    assert.equal("worker ? died", errors.crash({}).message)
  end)
end)

describe("a preview", function()
  local preview = errors.preview

  it("shows scalars as Lua writes them", function()
    assert.equal("1, -2, 3.0, 0.5, true, false, nil",
      preview({ 1, -2, 3.0, 0.5, true, false, nil, n = 7 }))
    assert.equal("inf, -inf, nan, nan", preview { 1 / 0, -1 / 0, 0 / 0, -(0 / 0) })
    assert.equal("-9223372036854775808", preview { math.mininteger })
  end)

  it("quotes strings and escapes what would not print", function()
    assert.equal([["a\n\"b\"\\\x00\x7F"]], preview { 'a\n"b"\\\0\127' })
    assert.equal('"\\xFF\\xFEx"', preview { "\xFF\xFEx" })
    assert.equal('"grün"', preview { "grün" })
  end)

  it("cuts long strings, not inside a character", function()
    local text = preview { ("é"):rep(100) }
    assert.is_true(#text < 70)
    assert.match("^\"[é]+…\"$", text)
    assert.is_truthy(utf8.len(text))
    assert.is_truthy(utf8.len(preview { "x" .. ("é"):rep(100) }))
  end)

  it("shows lists, records and mixtures", function()
    assert.equal("{1, 2, x=3, y={}}", preview { { 1, 2, y = {}, x = 3 } })
    assert.equal('{["a b"]=1, [true]=2}', preview { { ["a b"] = 1, [true] = 2 } })
    assert.equal("{[table]=1}", preview { { [{}] = 1 } })
  end)

  it("cuts long, deep and cyclic tables", function()
    local long, deep, cycle = {}, {}, {}
    for i = 1, 1000 do long[i] = i end
    local inside = deep
    for _ = 1, 1000 do inside[1] = {}; inside = inside[1] end
    cycle.me = cycle
    assert.equal("{1, 2, 3, 4, 5, 6, 7, 8, …}", preview { long })
    assert.equal("{{{{…}}}}", preview { deep })
    assert.equal("{me={…}}", preview { cycle })
  end)

  it("stays short however many arguments there are", function()
    local many = {}
    for i = 1, 1000 do many[i] = ("x"):rep(50) end
    local text = preview(many)
    assert.is_true(#text < 300)
    assert.match("…$", text)
  end)

  it("does not walk through a huge table", function()
    local huge = { x = 1 }
    for i = 1, 2000000 do huge[i] = i end
    local before = os.clock()
    for _ = 1, 100 do preview { huge } end
    assert.is_true(os.clock() - before < 0.5)
  end)

  it("names types and calls no metamethod", function()
    local function bad() error "called" end
    local mt = {
      __name = "Point", __tostring = bad, __index = bad, __pairs = bad, __len = bad,
      __metatable = "hidden", __eq = bad, __call = bad, __lt = bad,
    }
    assert.equal("Point{1, x=2}", preview { setmetatable({ 1, x = 2 }, mt) })
    assert.equal("userdata (FILE*)", preview { io.stdout })
    assert.match("^function %(.*errors_spec.lua:%d+%)$", preview { function() end })
    assert.equal("function ([C])", preview { print })
    assert.equal("thread", preview { coroutine.create(print) })
  end)

  it("does not read the list through metamethods either", function()
    local list = setmetatable({ 1 }, { __len = error, __index = error })
    assert.equal("1", preview(list))
  end)

  it("takes one value that is no list, and a count", function()
    assert.equal("5", preview(5))
    assert.equal("nil", preview(nil))
    assert.equal("", preview {})
    assert.equal("nil, nil", preview({}, 2))
    assert.equal("1", preview({ 1, 2, 3 }, 1))
  end)

  it("is the same for the same record, whatever its history", function()
    local a, b = {}, {}
    for c in ("abcdef"):gmatch "." do a[c] = 1 end
    for c in ("fedcba"):gmatch "." do b[c] = 1 end
    assert.equal(preview { a }, preview { b })
  end)
end)
