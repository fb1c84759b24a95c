--[[
What the sources say to users on failure: the texts given to error, luaL_error
and their kin, to standard error, and the hints.

  for _, said in ipairs(require("spec.docs.said").all()) do
    said.file, said.text    with % directives as in the source
  end
]]

-- What stands before a text, and where the search for it ends: at the closing
-- parenthesis, or at the end of the line.
local CALLS = {
  lua = { "%f[%w]error%s*%(", "self:fail%s*%(", "%f[%w]message%s*=%s*", "%f[%w]hint%s*=%s*",
    "HINT%s*=%s*", "stderr:write%s*%(", "__workerpool_stays%s*=%s*" },
  c = { "luaL_error%s*%(", "luaL_argerror%s*%(", "luaL_argcheck%s*%(", "wp_read_corrupt%s*%(",
    "lua_writestringerror%s*%(", "fprintf%s*%(stderr,", "lua_pushfstring%s*%(",
    "lua_pushliteral%s*%(", "lua_pushstring%s*%(", "wp_shared_fail%s*%(",
    "case WP_%u+: return " },
}

-- Pushed strings are messages in the encoder alone; elsewhere names and keys.
local PUSHED_IN = { ["codec_function.c"] = true, ["codec_encode.c"] = true,
  ["codec_object.c"] = true }

-- The string literal that begins at `at`, and where it ends. Literals that are
-- only a line apart are one.
local function literal(text, at)
  local parts = {}
  while at do
    local last = at + 1
    while text:sub(last, last) ~= '"' do
      last = last + (text:sub(last, last) == "\\" and 2 or 1)
    end
    parts[#parts + 1] = text:sub(at + 1, last - 1)
    at = text:match('^%s*%.%.%s*()"', last + 1) or text:match('^%s*\n%s*()"', last + 1)
    if not at then return table.concat(parts), last end
  end
end

-- The first literal with some words in it.
local function first_text(text, at, ends)
  local depth = 0
  while at <= #text do
    local c = text:sub(at, at)
    if c == '"' then
      local said, last = literal(text, at)
      if said:find("%l%l%l") then return said end
      at = last
    elseif c == "(" then
      depth = depth + 1
    elseif c == ")" then
      depth = depth - 1
      if depth < 0 then return nil end
    elseif depth == 0 and c == ends then
      return nil
    end
    at = at + 1
  end
end

local function collect(path, found)
  local file <close> = assert(io.open(path))
  local text, name = file:read("a"), path:match("[^/]*$")
  for _, call in ipairs(CALLS[path:match("%.(%w+)$")]) do
    if not call:find("^lua_push") or PUSHED_IN[name] then
      local ends = call:find("%(", 1, true) and "" or "\n"
      for at in text:gmatch(call .. "()") do
        local said = first_text(text, at, ends)
        if said then found[#found + 1] = { file = name, text = said } end
      end
    end
  end
end

local function all()
  local found = {}
  for path in assert(io.popen("ls lua/workerpool/*.lua lua/workerpool/*/*.lua src/*.c")):lines() do
    if not path:find("%.d%.lua$") then collect(path, found) end
  end
  return found
end

-- The longest part of a text without what is filled in.
local function fixed_part(said)
  local longest = ""
  for part in (said:gsub("%%[%d.]*%a", "\0"):gsub("\\n", "\0") .. "\0"):gmatch("[^%z]+") do
    part = part:match("^[%s:(',]*(.-)[%s:(',]*$")
    if #part > #longest then longest = part end
  end
  return longest
end

return { all = all, fixed_part = fixed_part }
