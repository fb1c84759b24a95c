-- The start of a worker that inherits nothing: a program that was executed
-- for the pool, a child of such a program, or a thread with a Lua state of
-- its own. Its setup comes as bytes.

local core = require "workerpool.core"
local names = require "workerpool.names"
local worker = require "workerpool.worker"

local function read_setup(link)
  local known = names.new()
  local codec, bytes = core.codec(known), link:setup()
  -- Where shared memory is comes first: the setup may have handles in it.
  local at, address = codec:decode(bytes, 1)
  if address then assert(core.shared_join(address)) end
  local _, setup = codec:decode(bytes, at)
  setup.names = known
  return setup
end

--- A worker's life.
---@param link table
---@param setup? workerpool.Setup
---@return integer status
local function live(link, setup)
  return worker.main(link, setup or read_setup(link))
end

--- What a program that was executed for a pool does: it is a worker, or a
--- server which forks workers.
local function main()
  local link, role = core.attach()
  if not link then error("cannot join the pool: " .. role) end
  local setup = read_setup(link)
  if role == "server" then
    core.freeze()
    if not link:serve() then os.exit(0) end
  end
  core.exit(live(link, setup))
end

return { live = live, main = main }
