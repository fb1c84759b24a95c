/*
** Bind, task: running parcels in the calling process, for n_jobs = 0, with
** the same code that a worker runs.
**
**   core.write_range(codec, start, step)
**   core.write_tasks(codec, list, first, count, single) -> written [, error]
**   core.run(codec, parcel, options, handler, seeder, f, prefix...)
**     -> results (a string), tasks replied to [, list of traced tasks]
**   core.run_stage(options) -> "decode" | "call" | "encode", tasks done,
**     arguments: of the run that was given these options last
**   core.read_results(codec, results, count, base, lists, failures) -> n
**   core.list([n]) -> an empty table with places for n results, or many
**   core.task_arguments(codec, parcel, index) -> arguments...
**   core.write(codec, label, values...) makes them the codec's output
**   core.output(codec) -> the output as a string
*/
#include "bind.h"
#include "bind_figures.h"
#include "task.h"

#include <lauxlib.h>

static int write_range(lua_State *L) {
  wp_codec *c = wp_codec_check(L, 1);
  luaL_checknumber(L, 2);
  luaL_checknumber(L, 3);
  wp_tasks_range(L, c, 2, 3);
  return 0;
}

static int write_tasks(lua_State *L) {
  wp_codec *c = wp_codec_check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer first = luaL_checkinteger(L, 3);
  lua_Integer count = luaL_checkinteger(L, 4);
  lua_settop(L, 5);
  lua_Integer done =
      wp_tasks_list(L, c, 2, first, count, lua_toboolean(L, 5));
  lua_pushinteger(L, done);
  if (done == count) return 1;
  lua_insert(L, -2);
  return 2;
}

/* A box for results: full userdata, so that a raise frees it. */
static int free_bytes(lua_State *L) {
  wp_bytes_free(lua_touserdata(L, 1));
  return 0;
}

static wp_bytes *new_bytes(lua_State *L) {
  wp_bytes *b = lua_newuserdatauv(L, sizeof(*b), 0);
  *b = (wp_bytes){0};
  if (luaL_newmetatable(L, "workerpool.bytes")) {
    lua_pushcfunction(L, free_bytes);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return b;
}

static int reply(void *ud, const void *data, size_t length) {
  return wp_bytes_append(ud, data, length);
}

static int reply_gathered(void *ud, const struct iovec *iov, int n) {
  int status = WP_OK;
  for (int i = 0; i < n && status == WP_OK; i++)
    status = wp_bytes_append(ud, iov[i].iov_base, iov[i].iov_len);
  return status;
}

static lua_Integer option(lua_State *L, int index, const char *name) {
  lua_getfield(L, index, name);
  lua_Integer n = lua_isboolean(L, -1) ? lua_toboolean(L, -1)
                                       : lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

/* Options: figures, and a codec and a function to describe tasks with. */
static void describe(lua_State *L, const wp_run *r) {
  wp_parcel_bytes parcel = {r->data, r->length, r->skip};
  int codec = lua_gettop(L) + 1;
  lua_getfield(L, 3, "spare");
  lua_getfield(L, 3, "picture");
  wp_describe_longest(L, r->laps, &parcel, codec);
  lua_settop(L, codec - 1);
}

/* stack: codec, parcel, options, handler, seeder, f, prefix… */
/* The arguments and options of core.run. */
static wp_run check_run(lua_State *L) {
  wp_run r = {.codec = wp_codec_check(L, 1),
              .reply = reply,
              .reply_gathered = reply_gathered};
  r.data = (const unsigned char *)luaL_checklstring(L, 2, &r.length);
  luaL_checktype(L, 3, LUA_TTABLE);
  luaL_checktype(L, 4, LUA_TFUNCTION);
  luaL_checkany(L, 6);
  r.count = (uint32_t)option(L, 3, "count");
  r.skip = (uint32_t)option(L, 3, "skip");
  r.tag = (uint64_t)option(L, 3, "tag");
  r.stop_at_failure = (int)option(L, 3, "stop_at_failure");
  r.seed = option(L, 3, "seed");
  r.seeded = lua_getfield(L, 3, "seed") != LUA_TNIL;
  lua_getfield(L, 3, "figures");
  r.laps = wp_figures_laps(L, -1);
  lua_pop(L, 2);
  return r;
}

/* The options keep it, for run_stage. stack: … -> …, run */
static wp_run *push_run(lua_State *L, const wp_run *r) {
  wp_run *running = lua_newuserdatauv(L, sizeof(*running), 0);
  *running = *r;
  lua_pushvalue(L, -1);
  lua_setfield(L, 3, "running");
  return running;
}

static int run(lua_State *L) {
  wp_run r = check_run(L);
  int n_prefix = lua_gettop(L) - 6;
  wp_bytes *results = new_bytes(L);
  r.ud = results;
  wp_run *running = push_run(L, &r);
  if (r.laps) wp_laps_trace(r.laps, NULL, 0); /* of a run that was broken off */
  int traced = r.laps && option(L, 3, "traced");
  if (traced) wp_begin_log(L, r.laps, r.count);
  int status = wp_run_tasks(L, running, 6, n_prefix, 4, 5);
  if (status < 0) return luaL_error(L, "%s", wp_status_text(status));
  if (running->laps) describe(L, running);
  lua_pushlstring(L, (const char *)results->data, results->len);
  lua_pushinteger(L, running->done);
  if (!traced) return 2;
  wp_push_log(L, running->laps);
  return 3;
}

static int run_stage(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, 1, "running");
  const wp_run *r = lua_touserdata(L, -1);
  if (!r) return 0;
  lua_pushstring(L, wp_stage_names[r->stage]);
  lua_pushinteger(L, r->done);
  lua_pushinteger(L, r->n_arguments);
  return 3;
}

static int read_results(lua_State *L) {
  size_t length;
  wp_codec *c = wp_codec_check(L, 1);
  const char *data = luaL_checklstring(L, 2, &length);
  lua_Integer count = luaL_checkinteger(L, 3);
  lua_Integer base = luaL_checkinteger(L, 4);
  luaL_checktype(L, 5, LUA_TTABLE);
  luaL_checktype(L, 6, LUA_TTABLE);
  lua_pushinteger(L, wp_results_read(L, c, (const unsigned char *)data, length,
                                     (uint32_t)count, base, 5, 6));
  return 1;
}

/* So many places are made at once; larger tables grow from there. One more is
** for the field n. */
enum { LIST_PLACES = 1 << 20 };

static int list(lua_State *L) {
  lua_Integer n = luaL_optinteger(L, 1, 0);
  if (n < 0) n = 0;
  lua_createtable(L, n > LIST_PLACES ? LIST_PLACES : (int)n, 1);
  return 1;
}

static int task_arguments(lua_State *L) {
  size_t length;
  wp_codec *c = wp_codec_check(L, 1);
  const char *data = luaL_checklstring(L, 2, &length);
  lua_Integer index = luaL_checkinteger(L, 3);
  lua_settop(L, 2);
  return wp_tasks_arguments(L, c, (const unsigned char *)data, length, index);
}

static int write_values(lua_State *L) {
  wp_codec *c = wp_codec_check(L, 1);
  const char *label = luaL_checkstring(L, 2);
  wp_codec_clear(L, c);
  wp_codec_write(L, c, lua_gettop(L) - 2, label);
  return 0;
}

/* The place is made first: that may run finalizers, and those use the codec. */
static int output(lua_State *L) {
  int n;
  luaL_Buffer buffer;
  wp_codec *c = wp_codec_check(L, 1);
  const struct iovec *iov = wp_codec_iov(L, c, &n);
  size_t length = wp_iov_length(iov, n);
  char *to = luaL_buffinitsize(L, &buffer, length);
  iov = wp_codec_iov(L, c, &n);
  wp_cursor from = {iov, 0};
  if (wp_iov_length(iov, n) != length)
    return luaL_error(L, "a finalizer has used the codec meanwhile");
  wp_gather(to, length, &from);
  luaL_pushresultsize(&buffer, length);
  return 1;
}

void wp_bind_task(lua_State *L) {
  static const luaL_Reg functions[] = {{"write_range", write_range},
                                       {"write_tasks", write_tasks},
                                       {"run", run},
                                       {"run_stage", run_stage},
                                       {"read_results", read_results},
                                       {"list", list},
                                       {"task_arguments", task_arguments},
                                       {"write", write_values},
                                       {"output", output},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  wp_set_integer(L, "TAG_BITS", WP_TAG_BITS);
  wp_set_integer(L, "TAG_INDEX", (lua_Integer)WP_TAG_INDEX);
}
