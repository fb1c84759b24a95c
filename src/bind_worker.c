/*
** Bind, worker: the link, a worker's end of its pool as Lua sees it, but for
** the parcels (bind_parcel.c).
**
**   core.attach() -> link, "worker" | "server"   in a program that was executed
**   link:serve() -> true in a child; false when the host is gone
**   link:index()   link:is_thread()   link:setup() -> the host's bytes, or nil
**   link:seed(n)   for tasks that have random streams of their own
**   link:send(codec, kind, index) sends the codec's output as a message of
**     the parcel's owner
**   link:note(n): the host has the largest
**   link:phase(name, begins) stamps the line
**   link:take_streams(): io.stdout and io.stderr are the worker's
**   link:printed() -> what the task has printed, if captured, or nil
**   link:terminal() -> a descriptor of the real standard error, or nil
**   link:traced() -> when this worker was launched, or nil
**   link:abandon(code) ends the thread that calls it
*/
#include "bind_worker.h"

#include <lauxlib.h>
#include <unistd.h>

wp_link *wp_link_check(lua_State *L) {
  return luaL_checkudata(L, 1, WP_LINK_NAME);
}

/* Nobody is left to tell. */
void wp_link_leave(lua_State *L, wp_link *l) {
  if (!wp_worker_is_thread(l->worker)) _exit(1);
  luaL_error(L, "the pool is gone");
}

static int link_traced(lua_State *L) {
  uint64_t launched_ns;
  if (!wp_worker_traced(wp_link_check(L)->worker, &launched_ns)) return 0;
  lua_pushnumber(L, (lua_Number)launched_ns / 1e9);
  return 1;
}

static int link_send(lua_State *L) {
  wp_link *l = wp_link_check(L);
  wp_bytes *out = wp_codec_output(wp_codec_check(L, 2));
  lua_Integer kind = luaL_checkinteger(L, 3);
  uint64_t tag = (l->batch.tag & ~WP_TAG_INDEX) |
                 (uint64_t)luaL_optinteger(L, 4, 0);
  if (wp_send(l->worker, (unsigned)kind, tag, out->data, out->len) < 0)
    wp_link_leave(L, l);
  return 0;
}

static int link_phase(lua_State *L) {
  wp_link *l = wp_link_check(L);
  int phase = luaL_checkoption(L, 2, NULL, wp_phase_names);
  wp_stamp(l->worker, (unsigned)phase, lua_toboolean(L, 3));
  return 0;
}

static int link_seed(lua_State *L) {
  wp_link_check(L);
  luaL_checkinteger(L, 2);
  lua_settop(L, 2);
  lua_setiuservalue(L, 1, WP_HAS_SEED);
  return 0;
}

static int link_setup(lua_State *L) {
  const void *data;
  size_t length;
  if (!wp_worker_setup(wp_link_check(L)->worker, &data, &length)) return 0;
  lua_pushlstring(L, data, length);
  return 1;
}

static int link_serve(lua_State *L) {
  int got = wp_serve(wp_link_check(L)->worker);
  if (got < 0) return wp_push_failure(L, got);
  lua_pushboolean(L, got == WP_ROLE_WORKER);
  return 1;
}

/* Ends the thread that calls it, pcall or not: what os.exit is to a process. */
static int link_abandon(lua_State *L) {
  wp_link *l = wp_link_check(L);
  wp_thread_status = (int)luaL_optinteger(L, 2, 0);
  wp_dismiss(l->worker);
  wp_interrupt_state(L);
  return 0;
}

static int link_terminal(lua_State *L) {
  int fd = wp_worker_terminal(wp_link_check(L)->worker);
  if (fd < 0) return 0;
  lua_pushinteger(L, fd);
  return 1;
}

static int link_take_streams(lua_State *L) {
  wp_link_check(L);
  wp_take_streams(L);
  return 0;
}

static int link_printed(lua_State *L) {
  wp_push_task_printed(L, wp_link_check(L)->worker);
  return 1;
}

static int link_note(lua_State *L) {
  wp_link *l = wp_link_check(L);
  wp_note(l->worker, (uint32_t)luaL_checkinteger(L, 2));
  return 0;
}

static int link_is_thread(lua_State *L) {
  lua_pushboolean(L, wp_worker_is_thread(wp_link_check(L)->worker));
  return 1;
}

static int attach(lua_State *L) {
  wp_worker *worker = NULL;
  int role = wp_attach(&worker);
  if (role < 0) return wp_push_failure(L, role);
  wp_push_link(L, worker);
  lua_pushstring(L, role == WP_ROLE_SERVER ? "server" : "worker");
  return 2;
}

static int link_index(lua_State *L) {
  lua_pushinteger(L, wp_worker_index(wp_link_check(L)->worker));
  return 1;
}

/* By the host, as the module is loaded: a worker that makes it touches dozens
** of pages, which are the host's until then. */
static void make_metatable(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"send", link_send},         {"phase", link_phase},
      {"seed", link_seed},         {"index", link_index},
      {"setup", link_setup},       {"serve", link_serve},
      {"note", link_note},         {"terminal", link_terminal},
      {"printed", link_printed},   {"take_streams", link_take_streams},
      {"is_thread", link_is_thread}, {"abandon", link_abandon},
      {"traced", link_traced},     {NULL, NULL}};
  luaL_newmetatable(L, WP_LINK_NAME);
  luaL_newlib(L, methods);
  wp_bind_parcel(L);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void wp_push_link(lua_State *L, wp_worker *worker) {
  wp_link *l = lua_newuserdatauv(L, sizeof(*l), WP_HAS_TELL);
  *l = (wp_link){.worker = worker};
  luaL_setmetatable(L, WP_LINK_NAME);
}

void wp_bind_worker(lua_State *L) {
  make_metatable(L);
  lua_pushcfunction(L, wp_link_run); /* for tracebacks, which end at it */
  lua_setfield(L, -2, "link_run");
  lua_pushcfunction(L, attach);
  lua_setfield(L, -2, "attach");
  wp_set_integer(L, "FLAG_STOP", WP_FLAG_STOP);
  wp_set_integer(L, "FLAG_TIMED", WP_FLAG_TIMED);
  wp_set_integer(L, "FLAG_SEEDED", WP_FLAG_SEEDED);
  wp_set_integer(L, "FLAG_TRACED", WP_FLAG_TRACED);
  wp_set_integer(L, "FLAG_PRINTED", WP_FLAG_PRINTED);
  wp_set_integer(L, "MESSAGE_PRINTED", WP_MESSAGE_PRINTED);
}
