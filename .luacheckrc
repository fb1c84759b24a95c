std = "lua54"
max_line_length = 100
cache = false
-- A method may have no use for its self.
self = false
exclude_files = { "build" }

-- The type annotations are read by editors and never run.
files["**/*.d.lua"] = { ignore = { "211", "212", "241", "631" } }
files["spec"] = { std = "+busted", max_line_length = 120 }
files["examples"] = { std = "lua54" }
files["*.rockspec"] = { std = "+rockspec" }
files[".luacheckrc"] = { std = "+luacheckrc" }
