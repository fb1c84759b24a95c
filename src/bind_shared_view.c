/*
** Bind, shared views: see bind_shared_view.h.
*/
#include "bind_shared_view.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

void wp_view_push_number(lua_State *L, wp_number n) {
  if (n.is_float) lua_pushnumber(L, n.f);
  else lua_pushinteger(L, n.i);
}

const char *wp_view_title(lua_State *L, const wp_view *a) {
  const char *name = "Array";
  if (luaL_getmetafield(L, 1, "__name") == LUA_TSTRING &&
      strcmp(lua_tostring(L, -1), wp_value_kind.name) == 0)
    name = "Value";
  return lua_pushfstring(L, "%s('%c')", name, (char)a->whole->code);
}

/* Asked for first: what is pushed moves what is counted from the top, and
** takes the place of an argument that is not there. */
static const char *text_of(lua_State *L, int at) {
  if (lua_isnone(L, at)) return "(no value)";
  return luaL_tolstring(L, at, NULL);
}

int wp_view_fail_bounds(lua_State *L, const wp_view *a, int at) {
  const char *text = text_of(L, at);
  return luaL_error(L, "%s: index %s out of range 1..%I", wp_view_title(L, a),
                    text, (lua_Integer)a->length);
}

static int fail_value(lua_State *L, const wp_view *a, int at, size_t index,
                      int why) {
  const char *text = text_of(L, at);
  const char *name = wp_view_title(L, a);
  if (why == WP_NUMBER_NOT_INTEGER)
    return luaL_error(L, "%s: value %s at index %I has no integer "
                         "representation (%s)", name, text,
                      (lua_Integer)index, a->type->name);
  return luaL_error(L, "%s: value %s at index %I does not fit %s", name, text,
                    (lua_Integer)index, a->type->name);
}

static void fail_type(lua_State *L, const wp_view *a, int at, size_t index) {
  const char *type = luaL_typename(L, at);
  luaL_error(L, "%s: number expected at index %I, got %s",
             wp_view_title(L, a), (lua_Integer)index, type);
}

static wp_number check_number(lua_State *L, const wp_view *a, int at,
                              size_t index) {
  int is_integer;
  if (lua_type(L, at) != LUA_TNUMBER) fail_type(L, a, at, index);
  if (!lua_isinteger(L, at))
    return (wp_number){.is_float = 1, .f = lua_tonumber(L, at)};
  return (wp_number){.i = lua_tointegerx(L, at, &is_integer)};
}

uint64_t wp_view_bits(lua_State *L, const wp_view *a, int at, size_t index) {
  uint64_t bits = 0;
  int why = wp_element_bits(a->type, check_number(L, a, at, index), &bits);
  if (why != WP_NUMBER_OK) fail_value(L, a, at, index, why);
  return bits;
}

void *wp_view_element(lua_State *L, wp_view *a, int at, size_t *index) {
  lua_Integer i;
  if (lua_isinteger(L, at)) {
    i = lua_tointeger(L, at);
  } else if (lua_type(L, at) != LUA_TNUMBER ||
             !lua_numbertointeger(lua_tonumber(L, at), &i) ||
             lua_tonumber(L, at) != (lua_Number)i) {
    wp_view_fail_bounds(L, a, at);
    return NULL;
  }
  if ((lua_Unsigned)i - 1 >= a->length) wp_view_fail_bounds(L, a, at);
  *index = (size_t)i;
  return a->data + (size_t)(i - 1) * a->type->size;
}

int wp_view_change(lua_State *L, wp_view *a, void *at, size_t index, int how,
                   int by) {
  wp_number now = {0};
  wp_number n = check_number(L, a, by, index);
  int why = wp_element_change(a->type, at, how, n, &now);
  if (why != WP_NUMBER_OK && how == WP_ADD && why == WP_NUMBER_RANGE) {
    const char *name = wp_view_title(L, a);
    const char *added = luaL_tolstring(L, by, NULL);
    wp_view_push_number(L, now);
    return luaL_error(L, "%s: value %s at index %I plus %s does not fit %s",
                      name, luaL_tolstring(L, -1, NULL), (lua_Integer)index,
                      added, a->type->name);
  }
  if (why != WP_NUMBER_OK) fail_value(L, a, by, index, why);
  wp_view_push_number(L, now);
  return 1;
}

int wp_view_swap(lua_State *L, wp_view *a, void *at, size_t index, int old) {
  wp_number seen;
  wp_number expected = check_number(L, a, old, index);
  uint64_t bits = wp_view_bits(L, a, old + 1, index);
  lua_pushboolean(L, wp_element_swap(a->type, at, expected, bits, &seen));
  wp_view_push_number(L, seen);
  return 2;
}

/* The aligned word that the element is in, or the first of its two. */
static wp_atomic32 *word_of(void *at) {
  return (wp_atomic32 *)((uintptr_t)at & ~(uintptr_t)3);
}

/* Those in the second half of a double are missed by the first: the slice
** finds them. */
int wp_view_wait(lua_State *L, wp_view *a, void *at, size_t index, int old,
                 uint64_t deadline) {
  uint64_t bits = wp_view_bits(L, a, old, index);
  for (;;) {
    uint32_t before = atomic_load(word_of(at));
    if (wp_element_load(a->type, at) != (bits & (UINT64_MAX >>
        (64 - 8u * a->type->size)))) break;
    if (wp_now_ns() >= deadline) return 0;
    wp_word_wait(word_of(at), before, wp_slice_end(deadline));
    wp_shared_breathe(L);
  }
  return 1;
}

int wp_view_notify(lua_State *L, void *at, int count) {
  lua_Integer n = luaL_optinteger(L, count, INT_MAX);
  luaL_argcheck(L, n >= 1 && n <= INT_MAX, count, "a positive count expected");
  lua_pushinteger(L, wp_word_wake(word_of(at), (int)n));
  return 1;
}
