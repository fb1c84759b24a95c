-- A class that its module registers has a name which only workers knew that had loaded
-- the module: under forkserver, spawn and threading none had, so its objects could not be
-- tasks there, and a worker with one in its shared objects could not even start. The same
-- class without register_class could travel.

local helper = require "spec.support.helper"
local workerpool = require "workerpool"
local WorkerPool = workerpool.WorkerPool

local REGISTERS = [[
local Square = {}
Square.__index = Square
function Square:area() return self.side * self.side end
require("workerpool").register_class("spec.133.Square", Square)
return { square = function(side) return setmetatable({ side = side }, Square) end }
]]

local HAS = [[
local Circle = {}
Circle.__index = Circle
function Circle:area() return 3 * self.radius * self.radius end
return Circle
]]

-- Runs while it is loaded, as programs do that are one `require`.
local PROGRAM = [[
local workerpool = require "workerpool"
local Own = {}
workerpool.register_class("spec.133.Own", Own)
local pool <close> = workerpool.WorkerPool { n_jobs = 1, start_method = arg[1] }
local results = pool:map(rawlen, { setmetatable({}, Own) }, { on_error = "collect" })
print(results[1])
]]

describe("A class that a module registers, or has", function()
  helper.guard()

  local folder, path, square, Circle

  setup(function()
    folder = helper.tmpdir()
    helper.write(folder .. "/spec_133_registers.lua", REGISTERS)
    helper.write(folder .. "/spec_133_has.lua", HAS)
    path = package.path
    package.path = folder .. "/?.lua;" .. path
    square = require("spec_133_registers").square
    Circle = require "spec_133_has"
    workerpool.register_class("spec.133.Circle", Circle)
  end)

  teardown(function()
    package.path = path
    package.loaded.spec_133_registers, package.loaded.spec_133_has = nil, nil
  end)

  local function area(shape) return shape:area() end
  local function shared_area(shared) return shared[1]:area() + shared[2]:area() end

  for _, method in ipairs { "fork", "forkserver", "spawn", "threading" } do
    it("is loaded where it is not known, under " .. method, function()
      local shapes = { square(3), setmetatable({ radius = 2 }, Circle) }
      local pool <close> = WorkerPool { n_jobs = 1, start_method = method }
      assert.are.same({ 9, 12, n = 2 }, pool:map(area, shapes))
      local other <close> = WorkerPool {
        n_jobs = 1, start_method = method, shared_objects = shapes,
      }
      assert.are.equal(21, other:apply(shared_area))
    end)

    it("comes back as itself under " .. method, function()
      local pool <close> = WorkerPool { n_jobs = 1, start_method = method }
      local made = pool:apply(function(side)
        return require("spec_133_registers").square(side)
      end, { 5 })
      assert.are.equal(25, made:area())
      assert.are.equal(getmetatable(square(1)), getmetatable(made))
      assert.is_true(pool:apply(function(class) return class == require "spec_133_has" end,
        { Circle }))
    end)
  end
end)

describe("A class of a module that is still being loaded", function()
  helper.guard()

  it("has its module loaded by nobody: it may be the program", function()
    local folder = helper.tmpdir()
    helper.write(folder .. "/program.lua", PROGRAM)
    helper.write(folder .. "/main.lua", 'require "program"')
    for method, result in pairs {
      fork = "^0%s*$",
      spawn = "class 'spec.133.Own' is not registered in this process",
    } do
      local ran = helper.run({ helper.lua, "main.lua", method }, {
        cwd = folder, env = { LUA_PATH = folder .. "/?.lua;" .. helper.root .. "/lua/?.lua;"
          .. helper.root .. "/lua/?/init.lua;;" },
      })
      assert.are.equal("", ran.stderr)
      assert.matches(result, ran.stdout)
    end
  end)
end)
