-- timeout: 300
-- Every case of the benches runs, with our own contenders and few units: so
-- that they cannot rot. What they measure is said by `make bench`.

local helper = require "spec.support.helper"

helper.guard()

local function bench(words, options)
  local command = { helper.lua, "spec/bench/bench.lua" }
  for _, word in ipairs(words) do command[#command + 1] = word end
  options = options or {}
  options.timeout = 250
  options.env = { WORKERPOOL_BUILD = helper.build }
  return helper.run(command, options)
end

local function write_page(dir, words)
  local command = { helper.lua, helper.root .. "/spec/bench/document.lua" }
  for _, word in ipairs(words) do command[#command + 1] = word end
  return helper.run(command, { cwd = dir })
end

-- What a drawing must not have: figures that are none, tags that stay open.
local function check_picture(text)
  assert.matches("^<svg xmlns=.*</svg>\n$", text)
  assert.is_nil(text:find("[\"%s]%-?nan[\"%s]") or text:find("[\"%s]%-?inf[\"%s]"))
  local _, opened = text:gsub("<%a", "")
  local _, closed = text:gsub("</%a", "")
  local _, empty = text:gsub("/>", "")
  assert.equal(opened, closed + empty)
end

describe("the benches", function()
  it("run every case, and write what they measured", function()
    local dir = helper.tmpdir()
    local path = dir .. "/bench.json"
    local done = bench { "--tiny", "--no-peers", "--json", path }
    assert.equal("", done.stderr)
    assert.equal(0, done.status, done.stdout)
    local cjson = require "cjson"
    local document = cjson.decode(helper.read(path))
    assert.equal(1, document.format)
    assert.is_true(document.machine.cpus >= 1)
    assert.is_true(document.settings.load >= 0)
    local names = {}
    for _, case in ipairs(document.cases) do
      names[case.name] = true
      for _, row in ipairs(case.rows) do
        assert.equal("workerpool", row.contenders[1].name)
        for _, result in ipairs(row.contenders) do
          assert.is_nil(result.failed, case.name .. ": " .. result.name)
          assert.is_true(result.samples[1] > 0, case.name .. ": " .. result.name)
        end
      end
    end
    local pipe <close> = assert(io.popen("ls spec/bench/cases"))
    local count = 0
    for _ in pipe:lines() do count = count + 1 end
    assert.equal(count, #document.cases)
    assert.is_true(names.adaptive and names.apply)

    os.execute("mkdir -p " .. dir .. "/docs/images && cp docs/benchmarks.md " .. dir .. "/docs")
    assert.equal("", write_page(dir, { path }).stderr)
    assert.equal(0, write_page(dir, { "--check" }).status)
    assert.matches("| a trivial task of a million | [%d.]+ ", helper.read(dir .. "/docs/benchmarks.md"))
    for _, name in ipairs { "overview", "codec", "uneven", "workloads", "growth_tasks" } do
      check_picture(helper.read(("%s/docs/images/%s.svg"):format(dir, name)))
    end
    helper.write(dir .. "/docs/images/codec.svg", "drawn by hand")
    done = write_page(dir, { "--check" })
    assert.equal(1, done.status)
    assert.equal("docs/images/codec.svg is not as `make bench-docs` writes it\n", done.stderr)
  end)

  it("run one case by its name, and say when there is none", function()
    local done = bench { "--tiny", "--no-peers", "--case", "ten" }
    assert.matches("\nten: a map of 10", done.stdout, 1, true)
    assert.is_nil(done.stdout:find("\napply:"))
    done = bench { "--tiny", "--no-peers", "--case", "nothing" }
    assert.equal(2, done.status)
    assert.matches("no case is called nothing", done.stderr, 1, true)
    assert.equal(2, bench({ "--fast" }).status)
  end)
end)

describe("a race", function()
  local function load_race()
    local path = package.path
    package.path = helper.root .. "/spec/bench/?.lua;" .. path
    local race = require "race"
    package.path = path
    return race
  end

  -- A contender that takes so many seconds for a unit.
  local function contender(name, seconds, checksum)
    local asked = {}
    return { name = name, label = name, asked = asked, program = { ask = function(_, _, _, count)
      asked[#asked + 1] = count
      if type(seconds) == "string" then error(seconds, 0) end
      return seconds * count, { checksum = checksum }
    end } }
  end

  local SETTINGS = { rounds = 3, seconds = 1, patience = 10 }

  it("runs by turns, as many units as a round's time allows", function()
    local quick, slow = contender("quick", 0.0001), contender("slow", 0.1)
    local done = load_race().run({ name = "c", most = 1000000 }, {}, { quick, slow }, SETTINGS)
    assert.same({ 1, 10, 100, 1000, 10000, 10000, 10000, 10000 }, quick.asked)
    assert.same({ 1, 10, 10, 10, 10 }, slow.asked)
    assert.is_true(math.abs(done.contenders[2].ratio.median - 1000) < 1e-6)
  end)

  it("is lost by who comes to other results, or fails; others run on", function()
    local done = load_race().run({ name = "c", fixed = true }, {}, {
      contender("a", 0.1, "77"), contender("b", 0.1, "77"), contender("c", 0.1, "78"),
      contender("d", "out of luck"),
    }, SETTINGS)
    assert.is_nil(done.contenders[1].failed)
    assert.is_nil(done.contenders[2].failed)
    assert.equal("wrong results: 78 instead of 77 as a", done.contenders[3].failed)
    assert.equal("out of luck", done.contenders[4].failed)
  end)

  it("is left early by who is too slow for it", function()
    local slow = contender("slow", 6)
    local done = load_race().run({ name = "c", fixed = true }, {}, { contender("a", 0.1), slow }, SETTINGS)
    assert.equal(2, #slow.asked)
    assert.equal(3, #done.contenders[1].samples)
  end)
end)

describe("the figures of a bench", function()
  local folder = helper.root .. "/spec/bench/"
  local stats, targets = dofile(folder .. "stats.lua"), dofile(folder .. "targets.lua")

  it("are medians, and ratios pair by pair", function()
    assert.equal(2, stats.median { 3, 1, 2 })
    assert.equal(2.5, stats.median { 4, 1, 2, 3 })
    assert.equal(1, stats.spread { 1, 2, 3 })
    -- The second round was slow for both.
    assert.same({ median = 2, least = 2, most = 4 }, stats.ratio({ 2, 40, 2 }, { 1, 10, 1 }))
  end)

  it("are judged against the best of those that a target names", function()
    local rows = { { label = "a", contenders = {
      { name = "workerpool", ratio = { median = 1 } },
      { name = "x", ratio = { median = 3 } }, { name = "y", ratio = { median = 1.5 } },
    } } }
    local case = { targets = { { text = "t", against = { "x", "y" }, at_least = 2 },
      { text = "u", against = "x", at_least = 2 }, { text = "v", against = "absent", at_least = 2 } } }
    local verdicts = targets.judge(case, rows)
    assert.is_false(verdicts[1].reached)
    assert.is_true(verdicts[2].reached)
    assert.is_nil(verdicts[3].reached)
  end)
end)
