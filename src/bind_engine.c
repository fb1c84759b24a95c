/*
** Bind, engine: a pool's host side as Lua sees it. All methods that can fail
** for the world's reasons give nil, message, status.
**
**   core.engine(n_workers, main [, method, ...]) -> engine; main(link) is a
**     forked worker's life; method "spawn" and "forkserver" take a program
**     and its arguments, "threading" package.path and package.cpath
**   engine:close()         engine:set_setup(bytes)
**   engine:set_output(sum of core.RELAY_…, or core.CAPTURE): what becomes of
**     what workers print that start from now on
** Workers, from 0 on:
**   engine:start(w)   engine:stop(w)   engine:kill(w) -> true
**   engine:running(w) -> boolean       engine:alive() -> number of them
**   engine:pid(w)
**   engine:inspect(w) -> table of what it is at (see wp_progress)
**   engine:holding(w) -> tag of the task that runs, or nothing
**   engine:measure(level)              engine:figures(w) -> reading
** Parcels, by tickets:
**   engine:announce(bytes) -> job      engine:retire(job)
**   engine:submit(job, codec, tag, count, flags, target) -> ticket, bytes
**   engine:cancel(ticket) -> boolean
**   engine:abandon(low, high) -> list of the workers that are at such tags
**   engine:claimant(ticket) -> the worker that is at it, or nothing
**   engine:pending() -> number of parcels that have not ended
**   engine:completed() -> number of tasks; engine:noted() -> see link:note
** The host's own:
**   engine:fileno()   engine:alarm([seconds]): fileno is readable then, too
**   engine:is_reading() -> whether the data of an event is being read just now,
**     whether it is to be
** What comes back is in bind_event.c.
*/
#include "bind_engine.h"

#include "bind_figures.h"
#include "interrupt.h"
#include "task.h"

#include <lauxlib.h>
#include <unistd.h>

wp_lua_engine *wp_lua_engine_check(lua_State *L) {
  wp_lua_engine *e = luaL_checkudata(L, 1, WP_ENGINE_NAME);
  if (!e->pool || e->is_closing) luaL_error(L, "the pool is closed");
  if (!wp_is_owner(e->pool))
    luaL_error(L, "this pool belongs to process %d and cannot be used in "
                  "process %d", (int)e->owner, (int)getpid());
  return e;
}

static unsigned check_worker(lua_State *L, int index) {
  lua_Integer w = luaL_checkinteger(L, index);
  luaL_argcheck(L, w >= 0 && w < WP_LIMIT_WORKERS, index, "no such worker");
  return (unsigned)w;
}

static int pushed(lua_State *L, int status) {
  if (status < 0) return wp_push_failure(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- life --------------------------------------------------------------- */

/* In the child. The main function sits in the engine's user value. */
static int live(wp_worker *worker, void *ud) {
  wp_lua_engine *e = ud;
  lua_State *L = e->L;
  wp_forget_interrupt(L);
  lua_settop(L, 0);
  lua_rawgetp(L, LUA_REGISTRYINDEX, e);
  wp_push_link(L, worker);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK)
    return lua_isinteger(L, -1) ? (int)lua_tointeger(L, -1) : 0;
  const char *message = lua_tostring(L, -1);
  lua_writestringerror("workerpool: worker failed: %s\n",
                       message ? message : "(no message)");
  return 70;
}

static int live_as_thread(wp_worker *worker, void *ud) {
  return wp_thread_live(((wp_lua_engine *)ud)->threads, worker);
}

static void interrupt_thread(unsigned worker, void *ud) {
  wp_thread_interrupt(((wp_lua_engine *)ud)->threads, worker);
}

static void shut(lua_State *L, wp_lua_engine *e) {
  wp_pool *pool = e->pool;
  e->pool = NULL;
  if (pool) wp_close(pool);
  wp_thread_states_free(e->threads);
  e->threads = NULL;
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, e);
}

static int engine_gc(lua_State *L) {
  shut(L, luaL_checkudata(L, 1, WP_ENGINE_NAME));
  return 0;
}

static int engine_close(lua_State *L) {
  wp_lua_engine *e = luaL_checkudata(L, 1, WP_ENGINE_NAME);
  if (e->reading) e->is_closing = 1;
  else shut(L, e);
  return 0;
}

/* ---- reading ------------------------------------------------------------ */

/* Nothing that Lua would run can be relied on to say that it is over: Ctrl-C
** may come first. So what is raised is caught, and raised again. The engine
** stays on the stack, for a crew that is closed lets go of it. */
int wp_lua_engine_reading(lua_State *L, lua_CFunction body) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  int n = lua_gettop(L);
  lua_pushvalue(L, 1);
  lua_pushcfunction(L, body);
  lua_rotate(L, 1, 2);
  e->reading++;
  int status = lua_pcall(L, n, LUA_MULTRET, 0);
  if (--e->reading == 0 && e->is_closing) shut(L, e);
  return status == LUA_OK ? lua_gettop(L) - 1 : lua_error(L);
}

void wp_lua_engine_check_idle(lua_State *L, const wp_lua_engine *e) {
  if (!e->reading) return;
  lua_pushliteral(L, "a finalizer or __workerpool_unpack cannot wait for the "
                     "pool that reads a result just then");
  lua_error(L);
}

static int engine_is_reading(lua_State *L) {
  wp_lua_engine *e = luaL_checkudata(L, 1, WP_ENGINE_NAME);
  lua_pushboolean(L, e->reading > 0);
  lua_pushboolean(L, e->is_unread);
  return 2;
}

#define MOST_WORDS 16

/* The words of a command line, from stack index 4 on. */
static void read_words(lua_State *L, char **argv, int last) {
  int n = last - 3;
  luaL_argcheck(L, n >= 1 && n < MOST_WORDS, 4, "wanted a program");
  for (int i = 0; i < n; i++) argv[i] = (char *)luaL_checkstring(L, 4 + i);
  argv[n] = NULL;
}

static void configure(lua_State *L, wp_lua_engine *e, wp_config *c, char **argv,
                      int last) {
  static const char *const names[] = {"fork", "spawn", "forkserver",
                                      "threading", NULL};
  c->start = (wp_start_method)luaL_checkoption(L, 3, "fork", names);
  c->worker_main = live;
  if (c->start == WP_START_THREAD) {
    e->threads = wp_thread_states_new(luaL_checkstring(L, 4),
                                      luaL_checkstring(L, 5));
    if (!e->threads) luaL_error(L, "not enough memory");
    c->worker_main = live_as_thread;
    c->interrupt = interrupt_thread;
  } else if (c->start != WP_START_FORK) {
    read_words(L, argv, last);
    c->argv = argv;
  }
}

/* stack: n_workers, main, method, words… */
static int new_engine(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  luaL_argcheck(L, n >= 1 && n <= WP_LIMIT_WORKERS, 1, "out of range");
  if (lua_gettop(L) == 2) lua_pushliteral(L, "fork");
  char *argv[MOST_WORDS];
  wp_config config;
  wp_config_init(&config);
  config.n_workers = (unsigned)n;
  wp_lua_engine *e = lua_newuserdatauv(L, sizeof(*e), 0);
  *e = (wp_lua_engine){.owner = getpid()};
  luaL_setmetatable(L, WP_ENGINE_NAME);
  configure(L, e, &config, argv, lua_gettop(L) - 1);
  config.ud = e;
  int status = wp_open(&config, &e->pool);
  if (status < 0) return wp_push_failure(L, status);
  lua_pushvalue(L, 2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, e);
  return 1;
}

static int engine_set_output(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  wp_set_output(e->pool, (unsigned)luaL_checkinteger(L, 2));
  return 0;
}

static int engine_set_setup(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  size_t length;
  const char *data = luaL_checklstring(L, 2, &length);
  return pushed(L, wp_set_setup(e->pool, data, length));
}

static int engine_start(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  unsigned w = check_worker(L, 2);
  e->L = L;
  return pushed(L, wp_start(e->pool, w));
}

static int engine_stop(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  return pushed(L, wp_stop(e->pool, check_worker(L, 2)));
}

static int engine_kill(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  return pushed(L, wp_kill(e->pool, check_worker(L, 2)));
}

static int engine_running(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  lua_pushboolean(L, wp_running(e->pool, check_worker(L, 2)));
  return 1;
}

/* Counted by the engine, so that it is right whatever has interrupted us. */
static int engine_alive(lua_State *L) {
  return lua_pushinteger(L, wp_alive(wp_lua_engine_check(L)->pool)), 1;
}

static int engine_pid(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  lua_pushinteger(L, wp_worker_pid(e->pool, check_worker(L, 2)));
  return 1;
}

static int engine_fileno(lua_State *L) {
  return lua_pushinteger(L, wp_descriptor(wp_lua_engine_check(L)->pool)), 1;
}

/* Without seconds: no longer. */
static int engine_alarm(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  lua_Number seconds = luaL_optnumber(L, 2, -1);
  uint64_t at = 0;
  if (seconds >= 0 && seconds < 1e9)
    at = wp_now_ns() + (uint64_t)(seconds * 1e9);
  int status = wp_alarm(e->pool, at);
  if (status < 0) return wp_push_failure(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

static int engine_pending(lua_State *L) {
  return lua_pushinteger(L, wp_pending(wp_lua_engine_check(L)->pool)), 1;
}

static int engine_holding(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  uint64_t tag;
  uint32_t index;
  if (!wp_holding(e->pool, check_worker(L, 2), &tag, &index)) return 0;
  lua_pushinteger(L, (lua_Integer)(tag + index));
  return 1;
}

static int engine_completed(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)wp_completed(wp_lua_engine_check(L)->pool));
  return 1;
}

static int engine_noted(lua_State *L) {
  return lua_pushinteger(L, wp_noted(wp_lua_engine_check(L)->pool)), 1;
}

static int engine_inspect(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  wp_progress p;
  wp_inspect(e->pool, check_worker(L, 2), &p);
  lua_createtable(L, 0, 5);
  wp_set_integer(L, "completed", (lua_Integer)p.completed);
  wp_set_integer(L, "phase", (lua_Integer)p.phase);
  wp_set_seconds(L, "started", p.started_ns);
  wp_set_seconds(L, "working", p.working_ns);
  wp_set_seconds(L, "waiting", p.waiting_ns);
  return 1;
}

/* stack: engine, level: 0, 1 or (trace) 2 */
static int engine_measure(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  wp_measure(e->pool, (int)luaL_checkinteger(L, 2));
  return 0;
}

static int engine_figures(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  const wp_figures *f = wp_figures_of(e->pool, check_worker(L, 2));
  if (!f) return 0;
  wp_push_figures(L, f);
  return 1;
}

/* ---- work --------------------------------------------------------------- */

static int engine_announce(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  size_t length;
  const char *data = luaL_checklstring(L, 2, &length);
  wp_job *job;
  int status = wp_announce(e->pool, data, length, &job);
  if (status < 0) return wp_push_failure(L, status);
  lua_pushlightuserdata(L, job);
  return 1;
}

static int engine_retire(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  luaL_checktype(L, 2, LUA_TLIGHTUSERDATA);
  wp_retire(e->pool, lua_touserdata(L, 2));
  return 0;
}

int wp_push_ticket(lua_State *L, int status, uint64_t ticket) {
  if (status < 0) return wp_push_failure(L, status);
  lua_pushinteger(L, (lua_Integer)ticket);
  return 1;
}

/* stack: engine, job, codec, tag, count, flags, target */
static int engine_submit(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  luaL_checktype(L, 2, LUA_TLIGHTUSERDATA);
  int n_iov;
  wp_codec *codec = wp_codec_check(L, 3);
  const struct iovec *iov = wp_codec_iov(L, codec, &n_iov);
  uint64_t ticket = 0;
  wp_parcel parcel = {.job = lua_touserdata(L, 2),
                      .iov = iov,
                      .n_iov = n_iov,
                      .tag = (uint64_t)luaL_checkinteger(L, 4),
                      .count = (uint32_t)luaL_checkinteger(L, 5),
                      .flags = (uint32_t)luaL_optinteger(L, 6, 0),
                      .target = (int)luaL_optinteger(L, 7, WP_ANY)};
  size_t length = wp_iov_length(iov, n_iov);
  int status = wp_submit(e->pool, &parcel, &ticket);
  wp_codec_clear(L, codec);
  if (wp_push_ticket(L, status, ticket) != 1) return 3;
  lua_pushinteger(L, (lua_Integer)length);
  return 2;
}

static int engine_cancel(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  lua_pushboolean(L, wp_cancel(e->pool, (uint64_t)luaL_checkinteger(L, 2)));
  return 1;
}

static int engine_abandon(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  uint64_t low = (uint64_t)luaL_checkinteger(L, 2);
  uint64_t high = (uint64_t)luaL_checkinteger(L, 3);
  uint64_t busy[WP_LIMIT_WORKERS / 64] = {0};
  wp_abandon(e->pool, low, high, busy);
  lua_newtable(L);
  lua_Integer n = 0;
  for (unsigned w = 0; w < WP_LIMIT_WORKERS; w++) {
    if (!(busy[w / 64] >> (w % 64) & 1)) continue;
    lua_pushinteger(L, w);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

static int engine_claimant(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  uint64_t ticket = (uint64_t)luaL_checkinteger(L, 2);
  int w = wp_claimant(e->pool, ticket);
  if (w < 0 || wp_has_ended(e->pool, ticket)) return 0;
  lua_pushinteger(L, w);
  return 1;
}

void wp_bind_engine(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"set_output", engine_set_output}, {"set_setup", engine_set_setup},
      {"alive", engine_alive},       {"close", engine_close},
      {"is_reading", engine_is_reading},
      {"start", engine_start},       {"stop", engine_stop},
      {"kill", engine_kill},         {"running", engine_running},
      {"pid", engine_pid},           {"fileno", engine_fileno},
      {"alarm", engine_alarm},
      {"pending", engine_pending},   {"inspect", engine_inspect},
      {"measure", engine_measure},   {"figures", engine_figures},
      {"announce", engine_announce}, {"retire", engine_retire},
      {"submit", engine_submit},     {"cancel", engine_cancel},
      {"abandon", engine_abandon},   {"holding", engine_holding},
      {"completed", engine_completed}, {"noted", engine_noted},
      {"claimant", engine_claimant},
      {NULL, NULL}};
  luaL_newmetatable(L, WP_ENGINE_NAME);
  luaL_newlib(L, methods);
  wp_bind_event(L);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, engine_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_pushcfunction(L, new_engine);
  lua_setfield(L, -2, "engine");
}
