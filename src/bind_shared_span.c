/*
** Bind, shared spans: the methods of an Array for many elements at once, and
** slices.
*/
#include "bind_shared_view.h"

#include <limits.h>
#include <string.h>

typedef struct span {
  size_t first, count; /* first from 0 */
} span;

/* Optional i and j, as in string.sub without negative ones. */
static span check_span(lua_State *L, const wp_view *a, int at) {
  lua_Integer i = luaL_optinteger(L, at, 1);
  lua_Integer j = luaL_optinteger(L, at + 1, (lua_Integer)a->length);
  if (i < 1 || (lua_Unsigned)i > a->length + 1) wp_view_fail_bounds(L, a, at);
  if (j < i - 1 || (j > 0 && (lua_Unsigned)j > a->length))
    wp_view_fail_bounds(L, a, at + 1);
  return (span){(size_t)i - 1, (size_t)(j - i + 1)};
}

static unsigned char *start(const wp_view *a, span s) {
  return a->data + s.first * a->type->size;
}

static int fill(lua_State *L) {
  wp_view *a = wp_view_check(L);
  span s = check_span(L, a, 3);
  uint64_t bits = wp_view_bits(L, a, 2, s.first + 1);
  wp_elements_fill(a->type, start(a, s), s.count, bits);
  lua_settop(L, 1);
  return 1;
}

static int sum(lua_State *L) {
  wp_view *a = wp_view_check(L);
  span s = check_span(L, a, 2);
  wp_view_push_number(L, wp_elements_sum(a->type, start(a, s), s.count));
  return 1;
}

static int totable(lua_State *L) {
  wp_view *a = wp_view_check(L);
  span s = check_span(L, a, 2);
  const unsigned char *at = start(a, s);
  luaL_argcheck(L, s.count <= INT_MAX, 1, "too long for a table");
  lua_createtable(L, (int)s.count, 0);
  for (size_t i = 0; i < s.count; i++, at += a->type->size) {
    wp_view_push(L, a->type, at);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static int to_string(lua_State *L) {
  wp_view *a = wp_view_check(L);
  span s = check_span(L, a, 2);
  lua_pushlstring(L, (const char *)start(a, s), s.count * a->type->size);
  return 1;
}

static int slice(lua_State *L) {
  wp_view *a = wp_view_check(L);
  span s = check_span(L, a, 2);
  wp_view *v = wp_shared_push(L, &wp_array_kind);
  int status = wp_shared_again(&a->base.handle, &v->base.handle);
  if (wp_shared_made_room(L, status))
    status = wp_shared_again(&a->base.handle, &v->base.handle);
  if (status < 0) return luaL_error(L, "%s", wp_status_text(status));
  wp_view_set(v, a->first + s.first, s.count);
  return 1;
}

/* ---- copying in --------------------------------------------------------- */

static void check_room(lua_State *L, const wp_view *a, size_t count,
                       size_t at) {
  if (at >= 1 && at <= a->length + 1 && count <= a->length - (at - 1)) return;
  luaL_error(L, "%s: %I elements from index %I on do not fit 1..%I",
             wp_view_title(L, a), (lua_Integer)count, (lua_Integer)at,
             (lua_Integer)a->length);
}

static void copy_array(lua_State *L, wp_view *a, const wp_view *from,
                       size_t at) {
  check_room(L, a, from->length, at);
  unsigned char *to = a->data + (at - 1) * a->type->size;
  const unsigned char *source = from->data;
  if (from->type->kind == a->type->kind && from->type->size == a->type->size) {
    memmove(to, source, from->length * a->type->size);
    return;
  }
  for (size_t i = 0; i < from->length; i++, to += a->type->size) {
    wp_view_push(L, from->type, source + i * from->type->size);
    wp_element_store(a->type, to, wp_view_bits(L, a, -1, at + i));
    lua_pop(L, 1);
  }
}

static void copy_string(lua_State *L, wp_view *a, int from, size_t at) {
  size_t size;
  const char *s = lua_tolstring(L, from, &size);
  if (size % a->type->size != 0)
    luaL_error(L, "%s: a string of %I bytes is no whole number of elements",
               wp_view_title(L, a), (lua_Integer)size);
  check_room(L, a, size / a->type->size, at);
  memcpy(a->data + (at - 1) * a->type->size, s, size);
}

static void copy_list(lua_State *L, wp_view *a, int from, size_t at) {
  lua_Integer n = luaL_len(L, from);
  check_room(L, a, (size_t)(n < 0 ? 0 : n), at);
  unsigned char *to = a->data + (at - 1) * a->type->size;
  for (lua_Integer i = 1; i <= n; i++, to += a->type->size) {
    lua_geti(L, from, i);
    wp_element_store(a->type, to,
                     wp_view_bits(L, a, -1, at + (size_t)i - 1));
    lua_pop(L, 1);
  }
}

void wp_view_copy(lua_State *L, wp_view *a, int from, size_t at) {
  wp_view *other = wp_view_test(L, from);
  if (other) copy_array(L, a, other, at);
  else if (lua_type(L, from) == LUA_TSTRING) copy_string(L, a, from, at);
  else if (lua_istable(L, from)) copy_list(L, a, from, at);
  else luaL_typeerror(L, from, "list, Array or string");
}

static int copy_from(lua_State *L) {
  wp_view *a = wp_view_check(L);
  lua_Integer at = luaL_optinteger(L, 3, 1);
  wp_view_copy(L, a, 2, at < 1 ? 0 : (size_t)at);
  lua_settop(L, 1);
  return 1;
}

/* ---- iterating ---------------------------------------------------------- */

/* stack: array, index. As ipairs, without the detour through __index. */
static int next_element(lua_State *L) {
  wp_view *a = wp_view_quick(L);
  lua_Unsigned i = (lua_Unsigned)luaL_checkinteger(L, 2);
  if (i >= a->length) return 0;
  lua_pushinteger(L, (lua_Integer)i + 1);
  return 1 + wp_view_push(L, a->type, a->data + i * a->type->size);
}

static int each(lua_State *L) {
  (void)wp_view_check(L);
  lua_pushcfunction(L, next_element);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

const luaL_Reg wp_view_span_methods[] = {
    {"slice", slice},         {"fill", fill},
    {"sum", sum},             {"totable", totable},
    {"tostring", to_string},  {"copy_from", copy_from},
    {"each", each},           {"__pairs", each},
    {NULL, NULL}};
