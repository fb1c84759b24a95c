-- The codec beside cjson: documents × { encode, decode } × { ours, theirs,
-- ratio }. The aims: no document slower either way, and small records five
-- times as fast.
--
--   lua5.4 spec/bench/codec.lua [--json] [NAME]   NAME: a part of a document's
--
-- Ours and theirs run in turns; the best rounds and those in the middle are
-- compared: trust the ratios, not the seconds.

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

-- Seconds for some calls. A C function is called with nothing in between:
-- ours with the codec and the argument, theirs with the argument alone.
local function seconds_of(times, runner)
  local f, a, b = table.unpack(runner)
  local began = core.now()
  if b == nil then
    for _ = 1, times do f(a) end
  else
    for _ = 1, times do f(a, b) end
  end
  return core.now() - began
end

-- How many calls make a round long enough for the clock.
local function times_of(runner)
  local times = 1
  while seconds_of(times, runner) < ROUND_SECONDS / 2 do times = times * 2 end
  return times
end

-- Seconds of one call of each function: the best of all rounds, and the median.
local function race(runners)
  local times, rounds = {}, {}
  for i, runner in ipairs(runners) do times[i], rounds[i] = times_of(runner), {} end
  for round = 1, ROUNDS do
    for i, runner in ipairs(runners) do
      collectgarbage()
      rounds[i][round] = seconds_of(times[i], runner) / times[i]
    end
  end
  local results = {}
  for i, seconds in ipairs(rounds) do
    table.sort(seconds)
    results[i] = { best = seconds[1], median = seconds[(#seconds + 1) // 2] }
  end
  return table.unpack(results)
end

local function measure(document)
  local value = document.make()
  local encoders = { { codec.encode, codec, value } }
  local decoders = { { codec.decode, codec, codec:encode(value) } }
  local text
  if has_cjson and document.cjson ~= false then
    text = cjson.encode(value)
    encoders[2], decoders[2] = { cjson.encode, value }, { cjson.decode, text }
  end
  local row = { name = document.name, bytes = #decoders[1][3], json_bytes = text and #text }
  row.encode, row.cjson_encode = race(encoders)
  row.decode, row.cjson_decode = race(decoders)
  return row
end

local function us(figure) return figure and ("%9.2f"):format(figure.best * 1e6) or ("%9s"):format "-" end

local function ratio(theirs, ours, which)
  return theirs and ("%5.2f"):format(theirs[which] / ours[which]) or ("%5s"):format "-"
end

local function both(theirs, ours) return ratio(theirs, ours, "best") .. ratio(theirs, ours, "median") end

local function show(row)
  print(("%-22s %8d %s %s %s  %s %s %s"):format(row.name, row.bytes,
    us(row.encode), us(row.cjson_encode), both(row.cjson_encode, row.encode),
    us(row.decode), us(row.cjson_decode), both(row.cjson_decode, row.decode)))
end

local function json_line(row)
  local words = { ('"name":%q,"bytes":%d'):format(row.name, row.bytes) }
  if row.json_bytes then words[#words + 1] = ('"json_bytes":%d'):format(row.json_bytes) end
  for _, key in ipairs { "encode", "cjson_encode", "decode", "cjson_decode" } do
    for which, seconds in pairs(row[key] or {}) do
      words[#words + 1] = ('"%s_%s":%.9g'):format(key, which, seconds)
    end
  end
  print("{" .. table.concat(words, ",") .. "}")
end

if not as_json then
  if not has_cjson then print("cjson is not installed: our times stand alone") end
  print(("%-22s %8s %9s %9s %-10s  %9s %9s %-10s"):format("document", "bytes",
    "encode us", "cjson us", "best  med.", "decode us", "cjson us", "best  med."))
end
for _, document in ipairs(documents) do
  if document.name:find(wanted, 1, true) then
    local row = measure(document)
    if as_json then json_line(row) else show(row) end
  end
end
