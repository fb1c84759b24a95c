-- The codec beside cjson: documents × { encode, decode } × { ours, theirs,
-- ratio }. The aims: no document slower either way, and small records five
-- times as fast.
--
--   lua5.4 spec/bench/codec.lua [--json] [NAME]   NAME: a part of a document's
--
-- Ours and theirs run in turns, and the best round of each counts: compare
-- ratios, not seconds.

local core = require "workerpool.core"

local here = arg[0]:match("^(.*)/") or "."
local documents = dofile(here .. "/codec_documents.lua")
local has_cjson, cjson = pcall(require, "cjson")
local codec = core.codec()

local ROUNDS, ROUND_SECONDS = 15, 0.002

local as_json, wanted = false, ""
for _, word in ipairs(arg) do
  if word == "--json" then as_json = true else wanted = word end
end

if has_cjson then cjson.encode_sparse_array(true) end

-- How many calls make a round long enough for the clock.
local function times_of(f, argument)
  local times = 1
  while true do
    local began = core.now()
    for _ = 1, times do f(argument) end
    if core.now() - began > ROUND_SECONDS / 2 then return times end
    times = times * 2
  end
end

-- Seconds of one call of each function, the best of all rounds.
local function race(runners)
  local best = {}
  for i, runner in ipairs(runners) do runner.times, best[i] = times_of(runner[1], runner[2]), math.huge end
  for _ = 1, ROUNDS do
    for i, runner in ipairs(runners) do
      local f, argument = runner[1], runner[2]
      collectgarbage()
      local began = core.now()
      for _ = 1, runner.times do f(argument) end
      best[i] = math.min(best[i], (core.now() - began) / runner.times)
    end
  end
  return table.unpack(best)
end

local function encode(value) return codec:encode(value) end
local function decode(bytes) return codec:decode(bytes) end

local function measure(document)
  local value = document.make()
  local encoders = { { encode, value } }
  local decoders = { { decode, codec:encode(value) } }
  local text
  if has_cjson and document.cjson ~= false then
    text = cjson.encode(value)
    encoders[2], decoders[2] = { cjson.encode, value }, { cjson.decode, text }
  end
  local row = { name = document.name, bytes = #decoders[1][2], json_bytes = text and #text, small = document.small }
  row.encode, row.cjson_encode = race(encoders)
  row.decode, row.cjson_decode = race(decoders)
  return row
end

local function us(seconds) return seconds and ("%10.2f"):format(seconds * 1e6) or ("%10s"):format "-" end

local function ratio(theirs, ours)
  return theirs and ("%5.1fx"):format(theirs / ours) or ("%6s"):format "-"
end

local function show(row)
  print(("%-24s %9d %s %s %s   %s %s %s"):format(row.name, row.bytes,
    us(row.encode), us(row.cjson_encode), ratio(row.cjson_encode, row.encode),
    us(row.decode), us(row.cjson_decode), ratio(row.cjson_decode, row.decode)))
end

local function json_line(row)
  local words = { ('"name":%q'):format(row.name) }
  for _, key in ipairs { "bytes", "json_bytes", "encode", "cjson_encode", "decode", "cjson_decode" } do
    if row[key] then words[#words + 1] = ('"%s":%.9g'):format(key, row[key]) end
  end
  print("{" .. table.concat(words, ",") .. "}")
end

if not as_json then
  if not has_cjson then print("cjson is not installed: our times stand alone") end
  print(("%-24s %9s %10s %10s %6s   %10s %10s %6s"):format("document", "bytes",
    "encode us", "cjson us", "ratio", "decode us", "cjson us", "ratio"))
end
for _, document in ipairs(documents) do
  if document.name:find(wanted, 1, true) then
    local row = measure(document)
    if as_json then json_line(row) else show(row) end
  end
end
