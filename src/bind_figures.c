/*
** Bind, figures: what a worker's time has gone to, as Lua sees it.
**
**   core.figures() -> figures, for workers that are no process (inline.lua)
**   figures:turn(part): from now on it does that; parts are named below
**   figures:read() -> table
**
** A reading is a table with seconds by part, `tasks`, and `longest`, a list
** of { seconds, picture of the arguments }, the longest first.
*/
#include "bind_figures.h"

#include "bind.h"
#include "task.h"

#include <lauxlib.h>

#define FIGURES_NAME "workerpool.figures"

static const char *const part_names[] = {
    "none",   "start",  "init", "input", "decode",
    "work",   "encode", "room", "exit",  NULL};

#define MOST_TRACED 4096u /* tasks of one parcel */

typedef struct own_figures {
  wp_figures figures;
  wp_laps laps;
} own_figures;

/* ---- reading ------------------------------------------------------------- */

/* Pushes the task with the place-th longest time; 0 when there is none. */
static int push_long_task(lua_State *L, const wp_reading *r, unsigned done[],
                          lua_Integer place) {
  int best = -1;
  for (int i = 0; i < WP_LONGEST; i++)
    if (!done[i] && r->longest[i].ns > 0 &&
        (best < 0 || r->longest[i].ns > r->longest[best].ns))
      best = i;
  if (best < 0) return 0;
  done[best] = 1;
  lua_createtable(L, 2, 0);
  lua_pushnumber(L, (lua_Number)r->longest[best].ns / 1e9);
  lua_rawseti(L, -2, 1);
  lua_pushstring(L, r->longest[best].text);
  lua_rawseti(L, -2, 2);
  lua_rawseti(L, -2, place);
  return 1;
}

void wp_push_figures(lua_State *L, const wp_figures *f) {
  wp_reading r;
  unsigned done[WP_LONGEST] = {0};
  wp_figures_read(f, &r);
  lua_createtable(L, 0, WP_PARTS + 2);
  for (unsigned i = WP_PART_START; i < WP_PARTS; i++)
    wp_set_seconds(L, part_names[i], r.spent_ns[i]);
  wp_set_integer(L, "tasks", (lua_Integer)r.tasks);
  lua_createtable(L, WP_LONGEST, 0);
  for (lua_Integer i = 1; push_long_task(L, &r, done, i); i++) continue;
  lua_setfield(L, -2, "longest");
}

/* ---- describing ---------------------------------------------------------- */

/* stack: parcel, codec, picture -> text */
static int picture_of(lua_State *L) {
  const wp_longest *task = lua_touserdata(L, 1);
  const wp_parcel_bytes *parcel = lua_touserdata(L, 2);
  wp_codec *codec = wp_codec_check(L, 3);
  lua_settop(L, 4);
  int n = wp_tasks_arguments_at(L, codec, parcel->data, parcel->length,
                                (lua_Integer)parcel->skip + task->index,
                                task->at);
  lua_call(L, n, 1);
  return 1;
}

static void describe(lua_State *L, wp_laps *l, unsigned i,
                     const wp_parcel_bytes *parcel, int codec) {
  size_t length = 0;
  lua_pushcfunction(L, picture_of);
  lua_pushlightuserdata(L, &l->longest[i]);
  lua_pushlightuserdata(L, (void *)(uintptr_t)parcel);
  lua_pushvalue(L, codec);
  lua_pushvalue(L, codec + 1);
  /* A picture that cannot be drawn, for want of memory, is left empty. */
  int status = lua_pcall(L, 4, 1, 0);
  const char *text = status == LUA_OK ? lua_tolstring(L, -1, &length) : NULL;
  wp_laps_describe(l, i, text ? text : "", text ? length : 0);
  lua_pop(L, 1);
}

void wp_begin_log(lua_State *L, wp_laps *l, uint32_t count) {
  uint32_t room = count < MOST_TRACED ? count : MOST_TRACED;
  wp_laps_trace(l, lua_newuserdatauv(L, room * sizeof(wp_traced_task), 0),
                room);
}

void wp_push_log(lua_State *L, wp_laps *l) {
  lua_pushlstring(L, (const char *)l->log, l->n_log * sizeof(*l->log));
  wp_laps_trace(l, NULL, 0);
}

void wp_describe_longest(lua_State *L, wp_laps *l,
                         const wp_parcel_bytes *parcel, int codec) {
  for (unsigned i = 0; i < WP_LONGEST; i++)
    if (l->longest[i].is_new) describe(L, l, i, parcel, codec);
}

/* ---- figures without an engine ------------------------------------------- */

/* Lua's memory is not aligned to cache lines, so there is some to spare. */
static own_figures *aligned(void *block) {
  uintptr_t address = (uintptr_t)block + _Alignof(own_figures) - 1;
  return (own_figures *)(address & ~(uintptr_t)(_Alignof(own_figures) - 1));
}

static own_figures *check_own(lua_State *L, int index) {
  return aligned(luaL_checkudata(L, index, FIGURES_NAME));
}

wp_laps *wp_figures_laps(lua_State *L, int index) {
  return lua_isnil(L, index) ? NULL : &check_own(L, index)->laps;
}

static int figures_turn(lua_State *L) {
  own_figures *own = check_own(L, 1);
  int part = luaL_checkoption(L, 2, NULL, part_names);
  wp_laps_turn(&own->laps, (unsigned)part, wp_now_ns());
  return 0;
}

static int figures_count(lua_State *L) {
  own_figures *own = check_own(L, 1);
  atomic_fetch_add(&own->figures.tasks, (uint64_t)luaL_checkinteger(L, 2));
  return 0;
}

static int figures_read(lua_State *L) {
  wp_push_figures(L, &check_own(L, 1)->figures);
  return 1;
}

static int new_figures(lua_State *L) {
  static const luaL_Reg methods[] = {{"turn", figures_turn},
                                     {"count", figures_count},
                                     {"read", figures_read},
                                     {NULL, NULL}};
  size_t size = sizeof(own_figures) + _Alignof(own_figures) - 1;
  own_figures *own = aligned(lua_newuserdatauv(L, size, 0));
  *own = (own_figures){0};
  wp_laps_init(&own->laps, &own->figures);
  wp_laps_turn(&own->laps, WP_PART_NONE, wp_now_ns());
  if (luaL_newmetatable(L, FIGURES_NAME)) {
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
  }
  lua_setmetatable(L, -2);
  return 1;
}

void wp_bind_figures(lua_State *L) {
  lua_pushcfunction(L, new_figures);
  lua_setfield(L, -2, "figures");
}
