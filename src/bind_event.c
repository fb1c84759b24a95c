/*
** Bind, event: what comes back from a pool's workers, as Lua sees it. All
** methods that can fail for the world's reasons give nil, message, status.
**
**   engine:next(seconds) -> kind, worker, tag, first, count, last, elapsed
**     kinds: "result", "message", "exit", "timeout", "interrupted", and
**     "output", worker, stream (1, 2), text, tag of the task if marked, and
**     "unread": the last one has not been read, and stays until it is released
**   engine:more() likewise, but does not wait and makes no system call
**   engine:take([true]): the event does not come again; once true was given, it
**     does until then
**   engine:settle(): likewise, and nobody reads it any more
**   engine:release(): what was to be read of it has been. So say values, and
**     read where nothing has failed, themselves
**   engine:read(codec, base, lists, failures) -> n, bytes   of a result event
**   engine:values(codec) -> values…                  of a message event
**   engine:ending() -> table                         of an exit event
**   engine:arguments(codec, index) -> arguments…     of the event's parcel
**   engine:again(first, count, target) -> ticket     likewise
*/
#include "bind_engine.h"

#include "interrupt.h"
#include "task.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>

static int to_ms(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return -1;
  lua_Number seconds = luaL_checknumber(L, index);
  if (seconds >= 2e6) return -1;
  return seconds <= 0 ? 0 : (int)ceil(seconds * 1000);
}

static int push_result_event(lua_State *L, const wp_event *v) {
  lua_pushliteral(L, "result");
  lua_pushinteger(L, v->worker);
  lua_pushinteger(L, (lua_Integer)v->tag);
  lua_pushinteger(L, v->first);
  lua_pushinteger(L, v->count);
  lua_pushboolean(L, v->last);
  lua_pushnumber(L, (lua_Number)v->elapsed_ns / 1e9);
  return 7;
}

static int push_message_event(lua_State *L, const wp_event *v) {
  lua_pushliteral(L, "message");
  lua_pushinteger(L, v->worker);
  lua_pushinteger(L, (lua_Integer)v->tag);
  lua_pushinteger(L, v->kind);
  return 4;
}

static int push_exit_event(lua_State *L, const wp_event *v) {
  lua_pushliteral(L, "exit");
  lua_pushinteger(L, v->worker);
  if (!v->holds) return 2;
  lua_pushinteger(L, (lua_Integer)v->tag);
  lua_pushinteger(L, v->first);
  lua_pushinteger(L, v->count);
  return 5;
}

static int push_event(lua_State *L, const wp_lua_engine *e) {
  switch (e->event.type) {
    case WP_EVENT_RESULT: return push_result_event(L, &e->event);
    case WP_EVENT_MESSAGE: return push_message_event(L, &e->event);
    case WP_EVENT_OUTPUT: return wp_push_output_event(L, &e->event);
    default: return push_exit_event(L, &e->event);
  }
}

/* What wp_next or wp_more has said. */
static int push_answer(lua_State *L, wp_lua_engine *e, int got) {
  if (got < 0) return wp_push_failure(L, got);
  if (got == 0) return lua_pushliteral(L, "timeout"), 1;
  e->is_held = e->holds;
  e->is_unread = e->event.type != WP_EVENT_OUTPUT;
  return push_event(L, e);
}

/* Between an event and its reading the collector may call a finalizer, which
** may wait for another: this one would be lost. */
static int answer_unread(lua_State *L) {
  return lua_pushliteral(L, "unread"), 1;
}

/* A hook that a signal set just before the wait must not lie until its end. */
#define LONGEST_NAP_MS 500

static int engine_next(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  wp_lua_engine_check_idle(L, e);
  if (e->is_unread) return answer_unread(L);
  if (e->is_held) return push_event(L, e);
  int wanted_ms = to_ms(L, 2);
  int is_nap = wanted_ms > LONGEST_NAP_MS;
  int got = wp_next(e->pool, is_nap ? LONGEST_NAP_MS : wanted_ms, &e->event);
  wp_follow_interrupt(L);
  if (got == -EINTR || (got == 0 && is_nap))
    return lua_pushliteral(L, "interrupted"), 1;
  return push_answer(L, e, got);
}

static int engine_more(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  wp_lua_engine_check_idle(L, e);
  if (e->is_unread) return answer_unread(L);
  if (e->is_held) return push_event(L, e);
  return push_answer(L, e, wp_more(e->pool, &e->event));
}

static int engine_take(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  e->is_held = 0;
  e->holds |= lua_toboolean(L, 2);
  return 0;
}

static int engine_settle(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  e->is_held = e->is_unread = 0;
  wp_settle(e->pool);
  return 0;
}

static int engine_release(lua_State *L) {
  wp_lua_engine_check(L)->is_unread = 0;
  return 0;
}

/* What is called take_… runs under wp_lua_engine_reading, which has checked the
** engine. stack: engine, codec, base, lists, failures */
static int take_results(lua_State *L) {
  wp_lua_engine *e = lua_touserdata(L, 1);
  wp_codec *c = wp_codec_check(L, 2);
  lua_Integer base = luaL_checkinteger(L, 3);
  const wp_event *v = &e->event;
  luaL_checktype(L, 4, LUA_TTABLE);
  luaL_checktype(L, 5, LUA_TTABLE);
  lua_Integer n =
      wp_results_read(L, c, v->data, v->length, v->count, base, 4, 5);
  if (n == 0) e->is_unread = 0;
  lua_pushinteger(L, n);
  lua_pushinteger(L, (lua_Integer)v->length);
  return 2;
}

static int engine_read(lua_State *L) {
  return wp_lua_engine_reading(L, take_results);
}

static int take_values(lua_State *L) {
  wp_lua_engine *e = lua_touserdata(L, 1);
  wp_codec *c = wp_codec_check(L, 2);
  int n;
  wp_codec_read(L, c, e->event.data, e->event.length, &n);
  e->is_unread = 0;
  return n;
}

static int engine_values(lua_State *L) {
  return wp_lua_engine_reading(L, take_values);
}

static int take_ending(lua_State *L) {
  wp_lua_engine *e = lua_touserdata(L, 1);
  const wp_event *v = &e->event;
  lua_createtable(L, 0, 4);
  wp_set_integer(L, "pid", v->pid);
  lua_pushstring(L, wp_phase_names[v->phase <= WP_IN_EXIT ? v->phase : 0]);
  lua_setfield(L, -2, "phase");
  if (v->length > 0) {
    wp_push_printed(L, v->data, v->length, v->printed);
    lua_setfield(L, -2, "output");
  }
  lua_pushboolean(L, v->strange);
  lua_setfield(L, -2, "strange");
  if (!v->known) return 1;
  if (v->signal) wp_set_integer(L, "signal", v->signal);
  else wp_set_integer(L, "exit_code", v->exit_code);
  return 1;
}

static int engine_ending(lua_State *L) {
  return wp_lua_engine_reading(L, take_ending);
}

static int take_arguments(lua_State *L) {
  wp_lua_engine *e = lua_touserdata(L, 1);
  wp_codec *c = wp_codec_check(L, 2);
  lua_Integer index = luaL_checkinteger(L, 3);
  const unsigned char *data;
  size_t length;
  uint32_t skip;
  int status = wp_parcel_data(e->pool, &e->event, &data, &length, &skip);
  if (status < 0) return wp_push_failure(L, status);
  lua_settop(L, 2);
  return wp_tasks_arguments(L, c, data, length, index + skip);
}

static int engine_arguments(lua_State *L) {
  return wp_lua_engine_reading(L, take_arguments);
}

static int engine_again(lua_State *L) {
  wp_lua_engine *e = wp_lua_engine_check(L);
  uint32_t first = (uint32_t)luaL_checkinteger(L, 2);
  uint32_t count = (uint32_t)luaL_checkinteger(L, 3);
  int target = (int)luaL_optinteger(L, 4, WP_ANY);
  uint64_t ticket = 0;
  int status =
      wp_submit_again(e->pool, &e->event, first, count, target, &ticket);
  return wp_push_ticket(L, status, ticket);
}

void wp_bind_event(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"next", engine_next},     {"more", engine_more},
      {"take", engine_take},     {"settle", engine_settle},
      {"release", engine_release}, {"read", engine_read},
      {"values", engine_values}, {"ending", engine_ending},
      {"again", engine_again},   {"arguments", engine_arguments},
      {NULL, NULL}};
  luaL_setfuncs(L, methods, 0);
}
