rockspec_format = "3.0"
package = "workerpool"
version = "dev-1"
source = { url = "git+file://." }
description = {
  summary = "A pool of worker processes for Lua 5.4 and for C",
  license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua ~> 5.4" }
test_dependencies = { "busted" }
-- Only the Lua module: the program and the C libraries come with
-- `make install`. The Makefile does it all, so that flags stand in one place.
build = {
  type = "make",
  build_target = "core",
  build_variables = {
    CC = "$(CC)",
    LUA = "$(LUA)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
  },
  install_target = "install-module",
  -- The same once more: what was built with others would be built again.
  install_variables = {
    CC = "$(CC)",
    LUA = "$(LUA)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    LUA_CMOD = "$(LIBDIR)",
    LUA_LMOD = "$(LUADIR)",
  },
}
