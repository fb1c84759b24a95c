-- The documents that the codec is measured with: by the clock beside cjson
-- (codec.lua), and in instructions (instructions.lua).
--
-- Each entry: name; make() -> value. `cjson = false`: cjson refuses it.

local function list(n, item)
  local t = {}
  for i = 1, n do t[i] = item(i) end
  return t
end

-- A list of one in a list of one …, `depth` levels of them.
local function chain(depth)
  local t = {}
  for _ = 2, depth do t = { t } end
  return t
end

local function linked(depth)
  local t = { value = 0 }
  for i = 2, depth do t = { value = i, next = t } end
  return t
end

local function tree(levels, width)
  if levels == 0 then return 1 end
  return list(width, function() return tree(levels - 1, width) end)
end

local function record(i)
  return { id = i, name = "item " .. i, value = i / 3 }
end

-- What a web service answers with: some of everything.
local function order(i)
  return {
    id = 10000 + i, status = i % 3 == 0 and "shipped" or "open", paid = i % 2 == 0,
    total = i * 1.25, currency = "EUR", created = ("2024-03-%02dT10:%02d:00Z"):format(i % 28 + 1, i % 60),
    customer = {
      id = i * 7, name = "Customer " .. i, email = ("customer%d@example.org"):format(i),
      address = { street = i .. " High Street", city = "Springfield", zip = ("%05d"):format(i * 37), country = "US" },
    },
    items = list(i % 4 + 1, function(k)
      return { sku = ("A-%04d"):format(i * k % 500), count = k, price = k * 9.99, tags = { "new", "sale" } }
    end),
    note = ("A remark of a customer who had something to say about order %d. "):format(i):rep(i % 3),
  }
end

return {
  -- Small records: the aim is five times cjson.
  { name = "records of 3", make = function() return list(1000, record) end },
  { name = "records of 2 integers", make = function()
    return list(1000, function(i) return { x = i, y = -i } end)
  end },
  { name = "records of 6", make = function()
    return list(1000, function(i)
      return { id = i, name = "item " .. i, value = i / 3, ok = i % 2 == 0, kind = "plain", parent = i // 2 }
    end)
  end },
  { name = "one record", make = function() return record(7) end },

  -- Scalars in lists.
  { name = "integers, small", make = function() return list(1000, function(i) return i % 90 end) end },
  { name = "integers", make = function() return list(1000, function(i) return i * 7919 % 100000 end) end },
  { name = "integers, 64 bit", make = function()
    return list(1000, function(i) return i * 0x9E3779B97F4A7 end)
  end },
  { name = "floats", make = function() return list(1000, function(i) return i / 3 end) end },
  { name = "floats, whole", make = function() return list(1000, function(i) return i * 1.0 end) end },
  { name = "numbers, mixed", make = function()
    return list(1000, function(i) return i % 2 == 0 and i or i / 3 end)
  end },
  { name = "booleans", make = function() return list(1000, function(i) return i % 3 == 0 end) end },
  { name = "strings, short", make = function() return list(1000, function(i) return "s" .. i end) end },
  { name = "strings, the same", make = function() return list(1000, function(i) return "word " .. i % 8 end) end },
  { name = "strings, of 40", make = function()
    return list(1000, function(i) return ("%040d"):format(i) end)
  end },
  { name = "strings, of 50", make = function()
    return list(1000, function(i) return ("text %04d "):format(i):rep(5) end)
  end },
  { name = "strings, long", make = function()
    return list(50, function(i) return (("a line of text %d\n"):format(i)):rep(200) end)
  end },
  { name = "string, one of 1 MB", make = function() return ("x"):rep(1 << 20) end },

  -- Tables in tables.
  { name = "empty tables", make = function() return list(1000, function() return {} end) end },
  { name = "lists of 1", make = function() return list(1000, function(i) return { i } end) end },
  { name = "lists of 10", make = function()
    return list(100, function(i) return list(10, function(k) return i * k end) end)
  end },
  { name = "maps of 1", make = function() return list(1000, function(i) return { x = i } end) end },
  { name = "tree of lists", make = function() return tree(9, 2) end },
  { name = "tree of maps", make = function()
    local function branch(levels)
      if levels == 0 then return { leaf = true } end
      return { left = branch(levels - 1), right = branch(levels - 1) }
    end
    return branch(9)
  end },
  { name = "chain of 1", make = function() return chain(1) end },
  { name = "chain of 10", make = function() return chain(10) end },
  { name = "chain of 100", make = function() return chain(100) end },
  { name = "chain of 1000", make = function() return chain(1000) end },
  { name = "linked list of 10", make = function() return linked(10) end },
  { name = "linked list of 900", make = function() return linked(900) end },

  -- Keys.
  { name = "map of 1000", make = function()
    local t = {}
    for i = 1, 1000 do t["key " .. i] = i end
    return t
  end },
  { name = "map of other keys", make = function()
    return list(100, function(i)
      local t = {}
      for k = 1, 10 do t[("k%d of %d"):format(k, i)] = k end
      return t
    end)
  end },
  { name = "map of long keys", make = function()
    local t = {}
    for i = 1, 200 do t[("a key of more than forty bytes, number %d"):format(i)] = i end
    return t
  end },
  { name = "integer keys", cjson = false, make = function()
    local t = {}
    for i = 1, 1000 do t[i * 1000] = i end
    return t
  end },
  { name = "list with holes", make = function()
    local t = {}
    for i = 1, 1000 do if i % 3 ~= 0 then t[i] = i end end
    return t
  end },
  { name = "list and fields", make = function()
    return list(100, function(i)
      return { name = "n" .. i, list(10, function(k) return k end), "x", "y", n = 3 }
    end)
  end },

  -- Whole documents.
  { name = "orders", make = function() return list(100, order) end },
  { name = "one order", make = function() return order(7) end },
  { name = "configuration", make = function()
    return {
      server = { host = "0.0.0.0", port = 8080, tls = { enabled = true, cert = "/etc/ssl/cert.pem" } },
      workers = 4, debug = false, ratio = 0.75,
      routes = list(8, function(i)
        return { path = "/api/v1/thing" .. i, method = i % 2 == 0 and "GET" or "POST", limits = { rate = i * 10 } }
      end),
      log = { level = "info", file = "/var/log/service.log", rotate = { size = 1 << 20, keep = 5 } },
    }
  end },
  { name = "lines of a log", make = function()
    return list(500, function(i)
      return ("2024-03-%02d 10:%02d:%02d INFO worker[%d]: request %d took %.3f s"):format(
        i % 28 + 1, i % 60, i * 7 % 60, i % 8, i * 31, i / 700)
    end)
  end },
  { name = "matrix of floats", make = function()
    return list(30, function(i) return list(30, function(k) return i / k end) end)
  end },
  { name = "true", make = function() return true end },
  { name = "a float", make = function() return 0.1 end },
  { name = "an integer", make = function() return 42 end },
  { name = "a string", make = function() return "hello" end },
  { name = "a pair", make = function() return { 1, "two" } end },
}
