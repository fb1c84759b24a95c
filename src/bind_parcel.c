/*
** Bind, parcel: the parcels that a worker receives and runs, as Lua sees them.
**
**   link:receive() -> job id, or nil when it is time to leave
**   link:job() -> the job's bytes (of the parcel received)
**   link:run(codec, handler, seeder, f, prefix...) -> next job id, or nil
**     runs the parcel and all that follow for the same job, or until it is
**     time to go
**   link:lifespan(tasks)      link:max_memory(bytes)   link:max_growth(bytes)
**     say when it is, and link:retired() whether that has come
**   link:stage() -> "decode" | "call" | "encode", task index, n arguments
**   link:arguments(codec) -> those of the task that runs
**   link:observe(codec, picture, tell): draws a task's arguments; tells of a
**     traced parcel (index, count, began, ended, seconds to decode, to run,
**     to encode, waiting for room, list of tasks)
*/
#include "bind_worker.h"

#include "bind_figures.h"
#include "memory.h"

#include <lauxlib.h>

static int receive(lua_State *L, wp_link *l) {
  int got = wp_receive(l->worker, &l->batch);
  if (got < 0) wp_link_leave(L, l);
  return got;
}

static int push_job_id(lua_State *L, wp_link *l, int got) {
  if (got) lua_pushinteger(L, l->batch.job_id);
  else lua_pushnil(L);
  return 1;
}

static int link_receive(lua_State *L) {
  wp_link *l = wp_link_check(L);
  return push_job_id(L, l, receive(L, l));
}

static int link_job(lua_State *L) {
  wp_link *l = wp_link_check(L);
  lua_pushlstring(L, (const char *)l->batch.job_data, l->batch.job_length);
  return 1;
}

/* Before the task's result, for the host to have it in this order. */
static int send_printed(wp_link *l) {
  lua_State *L = l->L;
  int status = WP_OK;
  luaL_checkstack(L, 8, NULL);
  wp_push_task_printed(L, l->worker);
  if (!lua_isnil(L, -1)) {
    wp_bytes *out = wp_codec_output(l->spare);
    out->len = 0;
    wp_codec_write(L, l->spare, 1, "output");
    status = wp_send(l->worker, WP_MESSAGE_PRINTED,
                     l->batch.tag + l->run.done, out->data, out->len);
  }
  lua_pop(L, 1);
  return status;
}

static int reply(void *ud, const void *data, size_t length) {
  wp_link *l = ud;
  int status = l->batch.flags & WP_FLAG_PRINTED ? send_printed(l) : WP_OK;
  return status < 0 ? status : wp_reply(l->worker, data, length);
}

static int reply_gathered(void *ud, const struct iovec *iov, int n) {
  wp_link *l = ud;
  int status = l->batch.flags & WP_FLAG_PRINTED ? send_printed(l) : WP_OK;
  return status < 0 ? status : wp_replyv(l->worker, iov, n);
}

/* See errors.from. */
static void explain(lua_State *L, void *ud) {
  wp_add_printed(L, ((wp_link *)ud)->worker);
}

static void stamp(void *ud, int begins) {
  wp_stamp(((wp_link *)ud)->worker, WP_IN_TASK, begins);
}

static void prepare(lua_State *L, wp_link *l, wp_codec *codec) {
  const wp_task_batch *b = &l->batch;
  l->run = (wp_run){.codec = codec,
                    .data = b->data,
                    .length = b->length,
                    .count = b->count,
                    .skip = b->skip,
                    .tag = b->tag & WP_TAG_INDEX,
                    .stop_at_failure = (b->flags & WP_FLAG_STOP) != 0,
                    .seeded = (b->flags & WP_FLAG_SEEDED) != 0,
                    .reply = reply,
                    .reply_gathered = reply_gathered,
                    .explain = explain,
                    .stamp = b->flags & WP_FLAG_TIMED ? stamp : NULL,
                    .laps = wp_worker_laps(l->worker),
                    .ud = l};
  l->L = L;
  if (!l->run.seeded) return;
  lua_getiuservalue(L, 1, WP_HAS_SEED);
  l->run.seed = lua_tointeger(L, -1);
  lua_pop(L, 1);
}

/* ---- what the time goes to ---------------------------------------------- */

typedef struct trace {
  uint64_t began_ns;
  uint64_t spent_ns[WP_PARTS]; /* until then */
} trace;

static int is_traced(const wp_link *l) {
  return l->run.laps && (l->batch.flags & WP_FLAG_TRACED);
}

/* Pushes the list that tasks are written to. */
static void begin_trace(lua_State *L, wp_link *l, trace *t) {
  wp_begin_log(L, l->run.laps, l->batch.count);
  wp_laps_lap(l->run.laps, WP_PART_DECODE);
  t->began_ns = wp_now_ns();
  wp_laps_turn(l->run.laps, WP_PART_WORK, t->began_ns);
  for (unsigned i = 0; i < WP_PARTS; i++)
    t->spent_ns[i] = atomic_load(&l->run.laps->figures->spent_ns[i]);
}

static void push_spent(lua_State *L, const wp_link *l, const trace *t,
                       unsigned part) {
  uint64_t ns = atomic_load(&l->run.laps->figures->spent_ns[part]);
  lua_pushnumber(L, (lua_Number)(ns - t->spent_ns[part]) / 1e9);
}

static void end_trace(lua_State *L, wp_link *l, const trace *t) {
  wp_laps *laps = l->run.laps;
  uint64_t ended_ns = wp_now_ns();
  wp_laps_turn(laps, WP_PART_WORK, ended_ns);
  if (lua_getiuservalue(L, 1, WP_HAS_TELL) == LUA_TFUNCTION) {
    lua_pushinteger(L, (lua_Integer)l->run.tag);
    lua_pushinteger(L, l->run.done);
    lua_pushnumber(L, (lua_Number)t->began_ns / 1e9);
    lua_pushnumber(L, (lua_Number)ended_ns / 1e9);
    for (unsigned i = WP_PART_DECODE; i <= WP_PART_ROOM; i++)
      push_spent(L, l, t, i);
    wp_push_log(L, laps);
    lua_call(L, 9, 0);
  }
  wp_laps_trace(laps, NULL, 0);
}

static void describe(lua_State *L, wp_link *l) {
  wp_parcel_bytes parcel = {l->batch.data, l->batch.length, l->batch.skip};
  int codec = lua_gettop(L) + 1;
  lua_getiuservalue(L, 1, WP_HAS_CODEC);
  lua_getiuservalue(L, 1, WP_HAS_PICTURE);
  if (!lua_isnil(L, -1))
    wp_describe_longest(L, l->run.laps, &parcel, codec);
  lua_settop(L, codec - 1);
  /* It is work for the results' sake. */
  wp_laps_lap(l->run.laps, WP_PART_ENCODE);
}

static int run_parcel(lua_State *L, wp_link *l, int n_prefix) {
  trace t = {0};
  int top = lua_gettop(L), traced = is_traced(l);
  if (traced) begin_trace(L, l, &t);
  int status = wp_run_tasks(L, &l->run, 5, n_prefix, 3, 4);
  if (status == WP_OK && l->run.laps) describe(L, l);
  if (status == WP_OK && traced) end_trace(L, l, &t);
  lua_settop(L, top);
  return status;
}

/* stack: link, codec, picture, tell */
static int link_observe(lua_State *L) {
  wp_link_check(L)->spare = wp_codec_check(L, 2);
  lua_settop(L, 4);
  lua_setiuservalue(L, 1, WP_HAS_TELL);
  lua_setiuservalue(L, 1, WP_HAS_PICTURE);
  lua_setiuservalue(L, 1, WP_HAS_CODEC);
  return 0;
}

/* ---- running ------------------------------------------------------------ */

static int is_retired(const wp_link *l) {
  return l->too_large || (l->lifespan > 0 && l->served >= l->lifespan);
}

/* The kernel adds up all our pages for this, so it is not asked too often. */
#define WEIGH_EVERY_NS 50000000u

static int has_outgrown(lua_State *L, const wp_link *l) {
  return (uint64_t)lua_gc(L, LUA_GCCOUNT) * 1024 > l->max_heap;
}

static void weigh(lua_State *L, wp_link *l) {
  if (l->max_heap && has_outgrown(L, l)) {
    /* What the last task has left behind is young, and goes for little. */
    lua_gc(L, LUA_GCSTEP, 0);
    l->too_large = has_outgrown(L, l);
  }
  if (l->max_memory == 0) return;
  uint64_t now = wp_now_ns();
  if (now - l->weighed_ns < WEIGH_EVERY_NS) return;
  l->weighed_ns = now;
  if (wp_private_exceeds(l->max_memory)) l->too_large = 1;
}

/* stack: link, codec, handler, seeder, f, prefix… */
int wp_link_run(lua_State *L) {
  wp_link *l = wp_link_check(L);
  wp_codec *codec = wp_codec_check(L, 2);
  int n_prefix = lua_gettop(L) - 5;
  uint32_t job_id = l->batch.job_id;
  int got;
  wp_codec_collect_young(codec, !wp_is_collector_set(L));
  do {
    prepare(L, l, codec);
    if (run_parcel(L, l, n_prefix) < 0) wp_link_leave(L, l);
    l->served += l->run.done;
    weigh(L, l);
    if (is_retired(l)) {
      if (wp_finish(l->worker) < 0) wp_link_leave(L, l);
      return 0;
    }
    got = receive(L, l);
  } while (got && l->batch.job_id == job_id);
  return push_job_id(L, l, got);
}

static int link_lifespan(lua_State *L) {
  wp_link *l = wp_link_check(L);
  l->lifespan = (uint64_t)luaL_checkinteger(L, 2);
  return 0;
}

static int link_max_memory(lua_State *L) {
  wp_link_check(L)->max_memory = (uint64_t)luaL_checkinteger(L, 2);
  return 0;
}

/* From now on. */
static int link_max_growth(lua_State *L) {
  uint64_t growth = (uint64_t)luaL_checkinteger(L, 2);
  wp_link_check(L)->max_heap = (uint64_t)lua_gc(L, LUA_GCCOUNT) * 1024 + growth;
  return 0;
}

static int link_retired(lua_State *L) {
  lua_pushboolean(L, is_retired(wp_link_check(L)));
  return 1;
}

static int link_stage(lua_State *L) {
  wp_link *l = wp_link_check(L);
  lua_pushstring(L, wp_stage_names[l->run.stage]);
  lua_pushinteger(L, (lua_Integer)(l->run.tag + l->run.done));
  lua_pushinteger(L, l->run.n_arguments);
  return 3;
}

/* The arguments of the task that runs, read again from its parcel. */
static int link_arguments(lua_State *L) {
  wp_link *l = wp_link_check(L);
  wp_codec *codec = wp_codec_check(L, 2);
  lua_settop(L, 2);
  return wp_tasks_arguments(L, codec, l->batch.data, l->batch.length,
                            (lua_Integer)l->batch.skip + l->run.done);
}

void wp_bind_parcel(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"receive", link_receive},       {"job", link_job},
      {"run", wp_link_run},            {"stage", link_stage},
      {"arguments", link_arguments},   {"observe", link_observe},
      {"lifespan", link_lifespan},     {"retired", link_retired},
      {"max_memory", link_max_memory}, {"max_growth", link_max_growth},
      {NULL, NULL}};
  luaL_setfuncs(L, methods, 0);
}
