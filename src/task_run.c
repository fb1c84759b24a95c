/*
** Task, run: the hot loop of a worker. One protected call serves a whole
** parcel; after a task that failed it is entered again at the next one.
*/
#include "task.h"

#include "interrupt.h"

#include <lauxlib.h>

/* ---- arguments ---------------------------------------------------------- */

static int read_range(lua_State *L, wp_codec *c, const unsigned char *data,
                      size_t length, lua_Integer index) {
  int n;
  wp_codec_read(L, c, data, length, &n);
  if (n != 2 || !lua_isnumber(L, -1) || !lua_isnumber(L, -2))
    return luaL_error(L, "corrupt message: a range that is none");
  lua_pushinteger(L, index);
  lua_arith(L, LUA_OPMUL);
  lua_arith(L, LUA_OPADD);
  return 1;
}

/* Pushes the arguments of the list's message at *at, and moves on. */
static int read_list(lua_State *L, wp_codec *c, const unsigned char *data,
                     size_t length, size_t *at) {
  int n;
  *at += wp_codec_read(L, c, data + *at, length - *at, &n);
  return n;
}

/* Moves *at on past the arguments of `count` tasks. */
static void skip_list(lua_State *L, const unsigned char *data, size_t length,
                      lua_Integer count, size_t *at) {
  for (lua_Integer i = 0; i < count; i++) {
    size_t used = wp_codec_skip(data + *at, length - *at);
    if (used == 0) luaL_error(L, "corrupt message: arguments are missing");
    *at += used;
  }
}

int wp_tasks_arguments(lua_State *L, wp_codec *c, const unsigned char *data,
                       size_t length, lua_Integer index) {
  size_t at = 1;
  if (length == 0) return luaL_error(L, "corrupt message: empty parcel");
  if (data[0] == WP_TASKS_RANGE)
    return read_range(L, c, data + 1, length - 1, index);
  skip_list(L, data, length, index, &at);
  return read_list(L, c, data, length, &at);
}

int wp_tasks_arguments_at(lua_State *L, wp_codec *c, const unsigned char *data,
                          size_t length, lua_Integer index, size_t at) {
  if (length == 0 || at >= length || data[0] == WP_TASKS_RANGE)
    return wp_tasks_arguments(L, c, data, length, index);
  return read_list(L, c, data, length, &at);
}

/* ---- the stop-watch ------------------------------------------------------ */

/* The stage that run->stage names has ended, well or with an error. */
static void end_stage(const wp_run *run) {
  if (run->laps) wp_laps_stage(run->laps, WP_PART_DECODE + run->stage);
}

/* One look ends this task and begins the next. */
static void end_task(const wp_run *run) {
  if (run->laps) wp_laps_task(run->laps, run->done, run->task_at);
}

/* ---- the loop ----------------------------------------------------------- */

/*
** Fixed stack of run_protected:
**   1 run, 2 seeder, 3 function, 4 … prefix
*/
enum { AT_RUN = 1, AT_SEEDER, AT_CALL };

static inline int push_arguments(lua_State *L, wp_run *run) {
  uint64_t index = (uint64_t)run->skip + run->done;
  if (run->data[0] == WP_TASKS_LIST)
    return read_list(L, run->codec, run->data, run->length, &run->at);
  if (run->is_integers)
    lua_pushinteger(L, (lua_Integer)(run->integer_start +
                                     run->integer_step * index));
  else
    lua_pushnumber(L, run->start + run->step * (lua_Number)index);
  return 1;
}

static void give_stream(lua_State *L, const wp_run *run) {
  lua_pushvalue(L, AT_SEEDER);
  lua_pushinteger(L, run->seed);
  lua_pushinteger(L, (lua_Integer)(run->tag + run->done));
  lua_call(L, 2, 0);
}

static int call_task(lua_State *L, wp_run *run, int top) {
  if (run->seeded) give_stream(L, run);
  if (run->stamp) run->stamp(run->ud, 1);
  for (int i = AT_CALL; i <= top; i++) lua_pushvalue(L, i);
  run->n_arguments = 0;
  run->stage = WP_AT_DECODE;
  run->task_at = run->at;
  int n = push_arguments(L, run);
  run->n_arguments = n;
  end_stage(run);
  run->stage = WP_AT_CALL;
  lua_call(L, top - AT_CALL + n, LUA_MULTRET);
  end_stage(run);
  return lua_gettop(L) - top;
}

static int reply_gathered(lua_State *L, wp_run *run) {
  int n;
  const struct iovec *iov = wp_codec_iov(L, run->codec, &n);
  int status = run->reply_gathered(run->ud, iov, n);
  wp_codec_clear(L, run->codec);
  return status;
}

/* What the codec holds is the result. Its writing is the task's time; that
** the host has no room for it is not. */
static int reply(lua_State *L, wp_run *run, int quotes) {
  if (run->stamp) run->stamp(run->ud, 0);
  return quotes ? reply_gathered(L, run)
                : run->reply(run->ud, run->output->data, run->output->len);
}

static int send_result(lua_State *L, wp_run *run, int n) {
  run->stage = WP_AT_ENCODE;
  wp_codec_restart(L, run->codec, WP_RESULT_VALUES);
  return reply(L, run, wp_codec_write_quoting(L, run->codec, n, "result"));
}

static int run_protected(lua_State *L) {
  wp_run *run = lua_touserdata(L, AT_RUN);
  int top = lua_gettop(L);
  while (run->done < run->count) {
    int n = call_task(L, run, top);
    run->status = send_result(L, run, n);
    if (run->status < 0) return 0;
    end_task(run);
    run->done++;
    lua_settop(L, top);
  }
  return 0;
}

/* stack: …, failure -> … ; the failure becomes the task's result. */
static int send_failure(lua_State *L, wp_run *run) {
  end_stage(run);
  if (run->stage == WP_AT_DECODE && run->data[0] == WP_TASKS_LIST)
    skip_list(L, run->data, run->length, 1, &run->at);
  wp_codec_restart(L, run->codec, WP_RESULT_FAILURE);
  wp_codec_write(L, run->codec, 1, "error");
  lua_pop(L, 1);
  int status = reply(L, run, 0);
  end_task(run);
  run->done++;
  return status;
}

/* The handler saw where the error was raised, and has left it as it was for
** what closes on the way; now it says what travels.
** stack: …, error -> …, failure */
static void describe(lua_State *L, int handler) {
  lua_pushvalue(L, handler);
  lua_insert(L, -2);
  lua_pushboolean(L, 1);
  (void)lua_pcall(L, 2, 1, 0);
}

/* Taken off Lua's stack once: asking there for each task took 80 of its 600
** instructions. */
static void prepare_range(lua_State *L, wp_run *run) {
  int n, top = lua_gettop(L);
  wp_codec_read(L, run->codec, run->data + 1, run->length - 1, &n);
  if (n != 2 || !lua_isnumber(L, -1) || !lua_isnumber(L, -2))
    luaL_error(L, "corrupt message: a range that is none");
  run->is_integers = lua_isinteger(L, -1) && lua_isinteger(L, -2);
  run->integer_start = (lua_Unsigned)lua_tointeger(L, -2);
  run->integer_step = (lua_Unsigned)lua_tointeger(L, -1);
  run->start = lua_tonumber(L, -2);
  run->step = lua_tonumber(L, -1);
  lua_settop(L, top);
}

/* Learns what a range is; skips what a list must. */
static void prepare(lua_State *L, wp_run *run) {
  run->done = 0;
  run->status = WP_OK;
  run->at = 1;
  run->output = wp_codec_output(run->codec);
  if (run->length == 0) luaL_error(L, "corrupt message: empty parcel");
  if (run->data[0] == WP_TASKS_RANGE)
    prepare_range(L, run);
  else
    skip_list(L, run->data, run->length, run->skip, &run->at);
  if (run->laps) wp_laps_lap(run->laps, WP_PART_DECODE);
}

int wp_run_tasks(lua_State *L, wp_run *run, int call, int n_prefix,
                 int handler, int seeder) {
  int top = lua_gettop(L);
  luaL_checkstack(L, 2 * (n_prefix + 8), "too many leading arguments");
  prepare(L, run);
  while (run->done < run->count && run->status == WP_OK) {
    lua_pushcfunction(L, run_protected);
    lua_pushlightuserdata(L, run);
    lua_pushvalue(L, seeder);
    for (int i = 0; i <= n_prefix; i++) lua_pushvalue(L, call + i);
    int failed = lua_pcall(L, 3 + n_prefix, 0, handler);
    if (failed) {
      if (failed == LUA_ERRRUN) describe(L, handler);
      /* The handler has left it as it is: see inline.lua. */
      if (wp_is_interrupt(L, -1)) return lua_error(L);
      if (failed != LUA_ERRRUN && run->explain) run->explain(L, run->ud);
      run->status = send_failure(L, run);
      if (run->stop_at_failure) break;
    }
  }
  lua_settop(L, top);
  return run->status;
}
