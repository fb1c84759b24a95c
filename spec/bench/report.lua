-- The figures of a bench for a terminal. Pure: makes lines of text.

local report = {}

function report.seconds(s)
  if not s then return "-" end
  if s < 1e-6 then return ("%.1f ns"):format(s * 1e9) end
  if s < 1e-3 then return ("%.2f us"):format(s * 1e6) end
  if s < 1 then return ("%.2f ms"):format(s * 1e3) end
  return ("%.2f s"):format(s)
end

-- Two digits that count, whatever the size.
function report.ratio(r)
  if not r then return "-" end
  return r >= 100 and ("%.0f"):format(r) or r >= 10 and ("%.1f"):format(r) or ("%.2f"):format(r)
end

local function extras_text(case, result)
  local words = {}
  if result.speedup then words[1] = ("%.2f x its own serial run"):format(result.speedup) end
  for _, extra in ipairs(case.extras or {}) do
    local value = result.extras[extra.key]
    if value then
      words[#words + 1] = ("%s %s"):format(extra.text,
        (extra.format or "%.2f"):format(value * (extra.scale or 1)))
    end
  end
  return table.concat(words, ", ")
end

function report.result(case, result)
  if not result.median then
    return ("  %-36s %s"):format(result.name, result.failed or "nothing measured")
  end
  local ratio = result.ratio and ("%8s x (%s..%s)"):format(report.ratio(result.ratio.median),
    report.ratio(result.ratio.least), report.ratio(result.ratio.most)) or ""
  return (("  %-36s %10s  best %10s  +-%4.0f %%  %8d  %-26s %s"):format(result.name,
    report.seconds(result.median), report.seconds(result.best), result.spread * 50,
    result.count, ratio, result.failed or extras_text(case, result)):gsub("%s+$", ""))
end

function report.row(case, row)
  local lines = { row.label and "  -- " .. row.label or nil }
  for _, result in ipairs(row.contenders) do lines[#lines + 1] = report.result(case, result) end
  return table.concat(lines, "\n")
end

function report.target(verdict)
  local state = verdict.reached == nil and "not measured" or verdict.reached and "reached" or "MISSED"
  return ("  target: %s%s: %s%s"):format(verdict.text,
    verdict.row and " (" .. verdict.row .. ")" or "", state,
    verdict.ratio and (", %s of %s wanted"):format(report.ratio(verdict.ratio),
      report.ratio(verdict.at_least)) or "")
end

return report
