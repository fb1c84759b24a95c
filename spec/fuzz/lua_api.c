/*
** Fuzz, lua_api: workerpool_lua.h in any order of calls, on pools, results,
** and values that are neither. No call may raise (there is nothing to catch
** it here), each leaves the stack as its comment says, and a task is answered
** for by results or by an error, never twice differently. Most pools have no
** processes, which takes microseconds; a few fork.
*/
#include "input.h"
#include "workerpool_lua.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

enum { VALUES = 1, FUNCTIONS = 2, MOST_VALUES = 12, MOST_STEPS = 60 };
enum { INPUTS = 200 }; /* that share a state: it takes long to open one */

static const char functions[] =
    "return {"
    "function(...) return ... end,"
    "function(x) return x * 2 end,"
    "function() error('on purpose') end,"
    "function() error({'not text'}) end,"
    "function() error() end,"
    "function(...) return function(...) return ... end, ... end,"
    "function() return coroutine.create(print) end,"
    "function(s) return (s or 'x'):rep(1000), nil, nil end,"
    "type, 'no function', 5, {}}";

static int panicked(lua_State *L) {
  fprintf(stderr, "raised: %s\n", luaL_tolstring(L, -1, NULL));
  abort();
}

static void push_argument(lua_State *L, input *in) {
  unsigned kind = take_byte(in);
  switch (kind % 10) {
    case 0: lua_pushnil(L); break;
    case 1: lua_pushinteger(L, (lua_Integer)take_byte(in)); break;
    case 2: lua_pushnumber(L, 0.5 * kind); break;
    case 3: lua_pushliteral(L, "text"); break;
    case 4: lua_newtable(L); break;
    case 5: lua_pushlightuserdata(L, L); break;
    case 6: lua_pushcfunction(L, panicked); break;
    case 7: lua_newthread(L); break;
    case 8: lua_rawgeti(L, FUNCTIONS, kind / 10 % 12 + 1); break;
    default: lua_rawgeti(L, VALUES, kind / 10 % MOST_VALUES + 1);
  }
}

/* Any of the values, by a positive index. */
static int push_value(lua_State *L, input *in) {
  lua_rawgeti(L, VALUES, take_byte(in) % MOST_VALUES + 1);
  return lua_gettop(L);
}

static void keep(lua_State *L, input *in) {
  lua_rawseti(L, VALUES, take_byte(in) % MOST_VALUES + 1);
}

/* An error is one value on the stack, and is readable. */
static void drop_error(lua_State *L, int top) {
  MUST(lua_gettop(L) == top + 1);
  MUST(luaL_tolstring(L, -1, NULL) != NULL);
  lua_settop(L, top);
}

static void open_pool(lua_State *L, input *in) {
  int top = lua_gettop(L);
  unsigned kind = take_byte(in);
  int status = wp_lua_pool_open(L, kind >= 250 ? 1 : kind >= 240 ? 2000 : 0);
  MUST((status == LUA_OK) == (kind < 240 || kind >= 250));
  if (status == LUA_OK) keep(L, in);
  else drop_error(L, top);
}

static void open_with(lua_State *L, input *in) {
  static const char *const names[] = {"n_jobs", "start_method", "daemon",
                                      "keep_alive", "no_such", "n_job"};
  int top = lua_gettop(L);
  if (take_byte(in) % 8) {
    lua_newtable(L);
    lua_pushinteger(L, 0);
    lua_setfield(L, -2, "n_jobs");
    for (unsigned n = take_byte(in) % 4; n > 0; n--) {
      const char *name = names[take_byte(in) % 6];
      push_argument(L, in);
      if (strcmp(name, "n_jobs") == 0 && lua_isnumber(L, -1)) lua_pop(L, 1);
      else lua_setfield(L, -2, name);
    }
  } else {
    push_argument(L, in);
    if (lua_istable(L, -1) || lua_isnil(L, -1)) {
      lua_settop(L, top);
      return; /* it would fork as many as there are CPUs */
    }
  }
  if (wp_lua_pool_open_with(L) == LUA_OK) keep(L, in);
  else drop_error(L, top);
}

static void submit(lua_State *L, input *in) {
  int top = lua_gettop(L), pool = push_value(L, in);
  int n = (int)(take_byte(in) % 5);
  lua_rawgeti(L, FUNCTIONS, take_byte(in) % 12 + 1);
  for (int i = 0; i < n; i++) push_argument(L, in);
  int status = wp_lua_submit(L, take_byte(in) & 1 ? pool : -(n + 2), n);
  MUST(lua_gettop(L) == pool + 1);
  if (status == LUA_OK) keep(L, in);
  else drop_error(L, pool);
  lua_settop(L, top);
}

static void poll_pool(lua_State *L, input *in) {
  int top = lua_gettop(L), pool = push_value(L, in);
  int n = wp_lua_poll(L, pool, (double)(take_byte(in) % 3) / 1000);
  if (n < 0) drop_error(L, pool);
  MUST(lua_gettop(L) == pool && n >= -1);
  MUST(wp_lua_fileno(L, pool) >= -1);
  MUST(lua_gettop(L) == pool);
  lua_settop(L, top);
}

static void close_pool(lua_State *L, input *in) {
  int top = lua_gettop(L), pool = push_value(L, in);
  if (wp_lua_pool_close(L, pool) != LUA_OK) drop_error(L, pool);
  MUST(lua_gettop(L) == pool);
  lua_settop(L, top);
}

static void take(lua_State *L, input *in) {
  int top = lua_gettop(L), result = push_value(L, in), n, again;
  int status = wp_lua_take(L, result, &n);
  if (status == WP_LUA_PENDING) MUST(lua_gettop(L) == result);
  else if (status != LUA_OK) drop_error(L, result);
  else MUST(lua_gettop(L) == result + n);
  lua_settop(L, result);
  if (status != WP_LUA_PENDING) {
    MUST(wp_lua_take(L, result, &again) == status);
    MUST(status != LUA_OK || again == n);
  }
  lua_settop(L, top);
}

static void cancel(lua_State *L, input *in) {
  int top = lua_gettop(L), result = push_value(L, in);
  int answer = wp_lua_cancel(L, result);
  if (answer < 0) drop_error(L, result);
  MUST(answer <= 1 && lua_gettop(L) == result);
  lua_settop(L, top);
}

static void step(lua_State *L, input *in) {
  switch (take_byte(in) % 11) {
    case 0: open_pool(L, in); break;
    case 1: open_with(L, in); break;
    case 2: case 3: case 4: submit(L, in); break;
    case 5: poll_pool(L, in); break;
    case 6: close_pool(L, in); break;
    case 7: case 8: take(L, in); break;
    case 9: cancel(L, in); break;
    default: push_argument(L, in); keep(L, in);
  }
}

static lua_State *open_state(void) {
  lua_State *L = luaL_newstate();
  MUST(L != NULL);
  lua_atpanic(L, panicked);
  luaL_openlibs(L);
  wp_lua_preload(L);
  return L;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lua_State *L;
  static unsigned n;
  input in = {data, data + size};
  if (!L) L = open_state();
  lua_newtable(L);
  MUST(luaL_dostring(L, functions) == LUA_OK);
  for (unsigned i = 0; i < MOST_STEPS && input_left(&in); i++) {
    step(L, &in);
    MUST(lua_gettop(L) == FUNCTIONS);
  }
  lua_settop(L, 0);
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCCOLLECT);
  if (++n % INPUTS) return 0;
  lua_close(L);
  L = NULL;
  return 0;
}
