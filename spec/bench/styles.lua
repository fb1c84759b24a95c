-- Who is drawn how, everywhere the same, and in which order. Pure.

local styles = {
  { name = "workerpool", colour = "#0b57d0", width = 3 },
  { name = "multiprocessing.Pool", colour = "#e8710a" },
  { name = "ProcessPoolExecutor", colour = "#f4b400" },
  { name = "joblib", colour = "#8e5bd0" },
  { name = "MPIRE", colour = "#c5221f" },
  { name = "Perl MCE", colour = "#12938a" },
  { name = "piscina", colour = "#5f8f1f" },
  { name = "npm workerpool", colour = "#a7c23a" },
  { name = "luv work queue", colour = "#c36f9e" },
  { name = "GNU parallel", colour = "#795548" },
  { name = "lua-cjson", colour = "#e8710a" },
  -- What is no pool is hollow and grey.
  { name = "bare shared memory", colour = "#4a5560", hollow = true },
  { name = "memcpy", colour = "#b3bac2", hollow = true },
}

local OTHER = "#8a949f"

-- The style of a contender.
function styles.of(name)
  for _, style in ipairs(styles) do
    if name == style.name or name:sub(1, #style.name + 1) == style.name .. "," then return style end
  end
  return { name = name, colour = OTHER, hollow = true }
end

return styles
