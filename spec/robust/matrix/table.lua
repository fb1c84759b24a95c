-- Prints the matrix: which cells there are under each start method, and why
-- the others are none.
--
--   lua5.4 spec/robust/matrix/table.lua

-- The cells run in busted; to list them takes no more of it than this.
package.loaded.busted = { subscribe = function() end }

local cells = require "spec.robust.matrix.cells"

local total, order, by_reason = 0, {}, {}

-- The methods without this cell, under the reason for it.
local function add(reason, name, method)
  local names = by_reason[reason]
  if not names then
    names = {}
    by_reason[reason] = names
    order[#order + 1] = reason
  end
  if not names[name] then
    names[name] = {}
    names[#names + 1] = name
  end
  table.insert(names[name], method)
end

for _, method in ipairs(cells.METHODS) do
  local n = 0
  cells.each(method, function(cell, moment, reason)
    if reason then
      add(reason, cell.fault.name .. " " .. moment.name, method)
    else
      n = n + 1
    end
  end)
  print(("%-12s %3d cells"):format(method, n))
  total = total + n
end
print(("%-12s %3d cells"):format("all", total))

for _, reason in ipairs(order) do
  print(("\nno cells, for %s:"):format(reason))
  for _, name in ipairs(by_reason[reason]) do
    print(("  %-50s %s"):format(name, table.concat(by_reason[reason][name], ", ")))
  end
end
cells.clean()
