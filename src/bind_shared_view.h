/*
** Bind, shared views: what Array and Value do with one element of theirs. A
** view is the whole of an array or a slice of it; a Value is one of length 1.
*/
#ifndef WP_BIND_SHARED_VIEW_H
#define WP_BIND_SHARED_VIEW_H

#include "bind_shared.h"
#include "shared_array.h"

#include <string.h>

typedef struct wp_view {
  wp_shared_ud base;
  const wp_type *type;
  unsigned char *data; /* of the first element that this view has */
  size_t length;
  size_t first;        /* index of it in the whole, from 0 */
  wp_array *whole;
} wp_view;

extern const wp_shared_kind wp_array_kind, wp_value_kind;

/* The view at 1, alive, or an argument error. */
wp_view *wp_view_check(lua_State *L);
/* An Array, slice or Value at `at`, or NULL. */
wp_view *wp_view_test(lua_State *L, int at);
/* Completes a view whose handle is there. */
void wp_view_set(wp_view *a, size_t first, size_t length);
/* Pushes a new object of n elements of zero; stack 3 is true for a lock. */
wp_view *wp_view_new(lua_State *L, const wp_shared_kind *kind,
                     const wp_type *t, char code, lua_Unsigned n);
/* The type that the string at 1 names, and its letter. */
const wp_type *wp_view_type(lua_State *L, char *code);

/* In messages the object is the one at 1. */
const char *wp_view_title(lua_State *L, const wp_view *a);
int wp_view_fail_bounds(lua_State *L, const wp_view *a, int at);

/* The element that the index at `at` names, and its number from 1. */
void *wp_view_element(lua_State *L, wp_view *a, int at, size_t *index);
/* The number at `at` as an element's bits; `index` is for the message. */
uint64_t wp_view_bits(lua_State *L, const wp_view *a, int at, size_t index);
void wp_view_push_number(lua_State *L, wp_number n);

/* The bodies of add, min, max (how: WP_ADD …), cas, notify and wait: their
** arguments begin at the stack position `by`, `old` or `count`. All but wait,
** which returns whether the element changed in time, push their results. */
int wp_view_change(lua_State *L, wp_view *a, void *at, size_t index, int how,
                   int by);
int wp_view_swap(lua_State *L, wp_view *a, void *at, size_t index, int old);
int wp_view_wait(lua_State *L, wp_view *a, void *at, size_t index, int old,
                 uint64_t deadline);
int wp_view_notify(lua_State *L, void *at, int count);

/* Copies the list, string or view at `from` to the elements from `at` on. */
void wp_view_copy(lua_State *L, wp_view *a, int from, size_t at);

/* Methods for many elements, and Value's class. */
extern const luaL_Reg wp_view_span_methods[];
void wp_bind_shared_cell(lua_State *L);
/* stack: …, class -> …, class: its methods become an upvalue of __index. */
void wp_view_class_index(lua_State *L, lua_CFunction f);
/* Methods that Array and Value have in common. */
int wp_view_typecode(lua_State *L);

static inline int wp_view_push(lua_State *L, const wp_type *t,
                               const void *at) {
  uint64_t bits = wp_element_load(t, at);
  lua_Number n;
  memcpy(&n, &bits, sizeof(n));
  if (t->size == 8 && t->kind == WP_FLOAT) lua_pushnumber(L, n);
  else if (t->size == 8 && t->kind == WP_SIGNED)
    lua_pushinteger(L, (lua_Integer)bits);
  else wp_view_push_number(L, wp_element_number(t, bits));
  return 1;
}

/* The object itself, without a look at more than its mark: this is the way
** of a[i], where a nanosecond counts. */
static inline wp_view *wp_view_quick(lua_State *L) {
  wp_shared_ud *ud = lua_touserdata(L, 1);
  if (lua_type(L, 1) != LUA_TUSERDATA || lua_rawlen(L, 1) != sizeof(wp_view) ||
      ud->magic != WP_SHARED_MAGIC || !ud->handle.object)
    return wp_view_check(L);
  return (wp_view *)(void *)ud;
}

#endif
