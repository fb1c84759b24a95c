-- The matrix of faults and moments under start_method = "forkserver".
-- timeout: 180

local cells = require "spec.robust.matrix.cells"

describe("under forkserver", function()
  cells.each("forkserver", function(cell, moment, reason)
    if reason then return end
    it(("%s %s"):format(cell.fault.name, moment.name), function()
      assert.are.same({}, cells.run(cell, moment))
    end)
  end)
end)
