/*
** Bind, shared arrays: workerpool.Array and workerpool.Value. A Value is an
** Array of one element with another face.
**
**   core.shared_array(typecode, n | list | string, lock) -> array
**   core.shared_value(typecode, initial, lock) -> value
*/
#include "bind.h"
#include "bind_shared.h"
#include "shared_array.h"
#include "shared_holder.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

typedef struct array {
  wp_shared_ud base;
  const wp_type *type;
  unsigned char *data; /* of the first element that this view has */
  size_t length;
  size_t first;        /* index of it in the whole, from 0 */
  wp_array *whole;
} array;

static int depart(lua_State *L, wp_shared_ud *ud) {
  const array *a = (const array *)(const void *)ud;
  lua_pushinteger(L, (lua_Integer)a->first);
  lua_pushinteger(L, (lua_Integer)a->length);
  return 2;
}

static void view(array *a, size_t first, size_t length) {
  a->whole = a->base.handle.object;
  a->type = wp_type_of((char)a->whole->code);
  a->first = first;
  a->length = length;
  a->data = (unsigned char *)(a->whole + 1) + first * a->type->size;
}

static void arrive(lua_State *L, wp_shared_ud *ud, int extra) {
  array *a = (array *)(void *)ud;
  const wp_array *whole = ud->handle.object;
  lua_Unsigned first = (lua_Unsigned)luaL_checkinteger(L, extra);
  lua_Unsigned length = (lua_Unsigned)luaL_checkinteger(L, extra + 1);
  if (first > whole->length || length > whole->length - first)
    luaL_error(L, "cannot receive a view of elements that are not there");
  view(a, first, length);
}

static const wp_shared_kind array_kind = {
    WP_SHARED_ARRAY, "workerpool.Array", sizeof(array), depart, arrive};
static const wp_shared_kind value_kind = {
    WP_SHARED_ARRAY, "workerpool.Value", sizeof(array), depart, arrive};

static array *check(lua_State *L) { return wp_shared_check(L, 1, &array_kind); }

/* ---- numbers in and out ------------------------------------------------- */

static void push_number(lua_State *L, wp_number n) {
  if (n.is_float) lua_pushnumber(L, n.f);
  else lua_pushinteger(L, n.i);
}

static const char *title(lua_State *L, const array *a) {
  const char *name = "Array";
  if (luaL_getmetafield(L, 1, "__name") == LUA_TSTRING &&
      strcmp(lua_tostring(L, -1), value_kind.name) == 0)
    name = "Value";
  return lua_pushfstring(L, "%s('%c')", name, (char)a->whole->code);
}

static int fail_bounds(lua_State *L, const array *a, int at) {
  const char *name = title(L, a);
  return luaL_error(L, "%s: index %s out of range 1..%I", name,
                    luaL_tolstring(L, at, NULL), (lua_Integer)a->length);
}

static int fail_value(lua_State *L, const array *a, int at, size_t index,
                      int why) {
  const char *name = title(L, a);
  const char *text = luaL_tolstring(L, at, NULL);
  if (why == WP_NUMBER_NOT_INTEGER)
    return luaL_error(L, "%s: value %s at index %I has no integer "
                         "representation (%s)", name, text,
                      (lua_Integer)index, a->type->name);
  return luaL_error(L, "%s: value %s at index %I does not fit %s", name, text,
                    (lua_Integer)index, a->type->name);
}

static wp_number check_number(lua_State *L, const array *a, int at,
                              size_t index) {
  int is_integer;
  if (lua_type(L, at) != LUA_TNUMBER)
    luaL_error(L, "%s: number expected at index %I, got %s", title(L, a),
               (lua_Integer)index, luaL_typename(L, at));
  if (!lua_isinteger(L, at))
    return (wp_number){.is_float = 1, .f = lua_tonumber(L, at)};
  return (wp_number){.i = lua_tointegerx(L, at, &is_integer)};
}

static uint64_t check_bits(lua_State *L, const array *a, int at,
                           size_t index) {
  uint64_t bits = 0;
  int why = wp_element_bits(a->type, check_number(L, a, at, index), &bits);
  if (why != WP_NUMBER_OK) fail_value(L, a, at, index, why);
  return bits;
}

/* The element that the index at `at` names, and its number from 1. */
static void *element(lua_State *L, array *a, int at, size_t *index) {
  lua_Integer i;
  if (lua_isinteger(L, at)) {
    i = lua_tointeger(L, at);
  } else if (lua_type(L, at) != LUA_TNUMBER ||
             !lua_numbertointeger(lua_tonumber(L, at), &i) ||
             lua_tonumber(L, at) != (lua_Number)i) {
    fail_bounds(L, a, at);
    return NULL;
  }
  if ((lua_Unsigned)i - 1 >= a->length) fail_bounds(L, a, at);
  *index = (size_t)i;
  return a->data + (size_t)(i - 1) * a->type->size;
}

/* ---- one element -------------------------------------------------------- */

static int push_element(lua_State *L, const wp_type *t, const void *at) {
  uint64_t bits = wp_element_load(t, at);
  lua_Number n;
  memcpy(&n, &bits, sizeof(n));
  if (t->size == 8 && t->kind == WP_FLOAT) lua_pushnumber(L, n);
  else if (t->size == 8 && t->kind == WP_SIGNED)
    lua_pushinteger(L, (lua_Integer)bits);
  else push_number(L, wp_element_number(t, bits));
  return 1;
}

static int get(lua_State *L) {
  size_t index;
  array *a = check(L);
  return push_element(L, a->type, element(L, a, 2, &index));
}

static int set(lua_State *L) {
  size_t index;
  array *a = check(L);
  void *at = element(L, a, 2, &index);
  wp_element_store(a->type, at, check_bits(L, a, 3, index));
  return 0;
}

/* The object itself, without a look at more than its mark: this is the way
** of a[i], where a nanosecond counts. */
static array *quick(lua_State *L) {
  wp_shared_ud *ud = lua_touserdata(L, 1);
  if (lua_type(L, 1) != LUA_TUSERDATA || lua_rawlen(L, 1) != sizeof(array) ||
      ud->magic != WP_SHARED_MAGIC || !ud->handle.object)
    return check(L);
  return (array *)(void *)ud;
}

static int index_array(lua_State *L) {
  array *a = quick(L);
  if (lua_isinteger(L, 2)) {
    lua_Unsigned i = (lua_Unsigned)lua_tointeger(L, 2) - 1;
    if (i < a->length)
      return push_element(L, a->type, a->data + i * a->type->size);
    /* As a list: ipairs ends at the first nil. */
    if (i == a->length) return 0;
  }
  if (lua_type(L, 2) == LUA_TNUMBER) return get(L);
  lua_settop(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  return 1;
}

/* The commonest: what Lua has is what the element has, in eight bytes. */
static int store_quickly(lua_State *L, const array *a, void *at) {
  if (a->type->size != 8) return 0;
  if (a->type->kind == WP_FLOAT) {
    int is_number;
    lua_Number n = lua_tonumberx(L, 3, &is_number);
    uint64_t bits;
    if (lua_type(L, 3) != LUA_TNUMBER) return 0;
    memcpy(&bits, &n, sizeof(bits));
    atomic_store_explicit((wp_atomic64 *)at, bits, memory_order_release);
    return 1;
  }
  if (a->type->kind != WP_SIGNED || !lua_isinteger(L, 3)) return 0;
  atomic_store_explicit((wp_atomic64 *)at, (uint64_t)lua_tointeger(L, 3),
                        memory_order_release);
  return 1;
}

static int newindex_array(lua_State *L) {
  array *a = quick(L);
  if (lua_isinteger(L, 2)) {
    lua_Unsigned i = (lua_Unsigned)lua_tointeger(L, 2) - 1;
    if (i < a->length && store_quickly(L, a, a->data + i * a->type->size))
      return 0;
  }
  if (lua_type(L, 2) != LUA_TNUMBER)
    return luaL_error(L, "%s: an index is a number, got %s",
                      title(L, quick(L)), luaL_tolstring(L, 2, NULL));
  return set(L);
}

static int length(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L)->length);
  return 1;
}

static int change(lua_State *L, array *a, void *at, size_t index, int how,
                  int by) {
  wp_number now = {0};
  wp_number n = check_number(L, a, by, index);
  int why = wp_element_change(a->type, at, how, n, &now);
  if (why != WP_NUMBER_OK && how == WP_ADD && why == WP_NUMBER_RANGE) {
    const char *name = title(L, a);
    push_number(L, now);
    return luaL_error(L, "%s: value %s at index %I plus %s does not fit %s",
                      name, luaL_tolstring(L, -1, NULL), (lua_Integer)index,
                      luaL_tolstring(L, by, NULL), a->type->name);
  }
  if (why != WP_NUMBER_OK) fail_value(L, a, by, index, why);
  push_number(L, now);
  return 1;
}

static int swap(lua_State *L, array *a, void *at, size_t index, int old) {
  wp_number seen;
  wp_number expected = check_number(L, a, old, index);
  uint64_t bits = check_bits(L, a, old + 1, index);
  lua_pushboolean(L, wp_element_swap(a->type, at, expected, bits, &seen));
  push_number(L, seen);
  return 2;
}

#define CHANGES(name, how)                              \
  static int name(lua_State *L) {                       \
    size_t index;                                       \
    array *a = check(L);                                \
    void *at = element(L, a, 2, &index);                \
    if (lua_isnone(L, 3)) lua_pushinteger(L, 1);        \
    return change(L, a, at, index, how, 3);             \
  }
CHANGES(add, WP_ADD)
CHANGES(min, WP_MIN)
CHANGES(max, WP_MAX)

static int cas(lua_State *L) {
  size_t index;
  array *a = check(L);
  void *at = element(L, a, 2, &index);
  return swap(L, a, at, index, 3);
}

/* ---- waiting for an element --------------------------------------------- */

/* The aligned word that the element is in, or the first of its two. */
static wp_atomic32 *word_of(void *at) {
  return (wp_atomic32 *)((uintptr_t)at & ~(uintptr_t)3);
}

/* Those in the second half of a double are missed by the first: the slice
** finds them. */
static int wait_while(lua_State *L, array *a, void *at, size_t index, int old,
                      uint64_t deadline) {
  uint64_t bits = check_bits(L, a, old, index);
  for (;;) {
    uint32_t before = atomic_load(word_of(at));
    if (wp_element_load(a->type, at) != (bits & (UINT64_MAX >>
        (64 - 8u * a->type->size)))) break;
    if (wp_now_ns() >= deadline) return 0;
    atomic_fetch_add(&a->whole->sleepers, 1);
    wp_word_wait(word_of(at), before, wp_slice_end(deadline));
    atomic_fetch_sub(&a->whole->sleepers, 1);
    wp_shared_breathe(L);
  }
  return 1;
}

static int wait_array(lua_State *L) {
  size_t index;
  array *a = check(L);
  void *at = element(L, a, 2, &index);
  uint64_t deadline = wp_shared_deadline(L, 4);
  lua_pushboolean(L, wait_while(L, a, at, index, 3, deadline));
  return 1;
}

static int notify_at(lua_State *L, void *at, int count) {
  lua_Integer n = luaL_optinteger(L, count, INT_MAX);
  luaL_argcheck(L, n >= 1 && n <= INT_MAX, count, "a positive count expected");
  lua_pushinteger(L, wp_word_wake(word_of(at), (int)n));
  return 1;
}

static int notify_array(lua_State *L) {
  size_t index;
  array *a = check(L);
  return notify_at(L, element(L, a, 2, &index), 3);
}

/* ---- many elements ------------------------------------------------------ */

typedef struct span {
  size_t first, count; /* first from 0 */
} span;

/* Optional i and j, as in string.sub without negative ones. */
static span check_span(lua_State *L, const array *a, int at) {
  lua_Integer i = luaL_optinteger(L, at, 1);
  lua_Integer j = luaL_optinteger(L, at + 1, (lua_Integer)a->length);
  if (i < 1 || (lua_Unsigned)i > a->length + 1) fail_bounds(L, a, at);
  if (j < i - 1 || (j > 0 && (lua_Unsigned)j > a->length))
    fail_bounds(L, a, at + 1);
  return (span){(size_t)i - 1, (size_t)(j - i + 1)};
}

static unsigned char *start(const array *a, span s) {
  return a->data + s.first * a->type->size;
}

static int fill(lua_State *L) {
  array *a = check(L);
  span s = check_span(L, a, 3);
  uint64_t bits = check_bits(L, a, 2, s.first + 1);
  wp_elements_fill(a->type, start(a, s), s.count, bits);
  lua_settop(L, 1);
  return 1;
}

static int sum(lua_State *L) {
  array *a = check(L);
  span s = check_span(L, a, 2);
  push_number(L, wp_elements_sum(a->type, start(a, s), s.count));
  return 1;
}

static int totable(lua_State *L) {
  array *a = check(L);
  span s = check_span(L, a, 2);
  const unsigned char *at = start(a, s);
  luaL_argcheck(L, s.count <= INT_MAX, 1, "too long for a table");
  lua_createtable(L, (int)s.count, 0);
  for (size_t i = 0; i < s.count; i++, at += a->type->size) {
    push_element(L, a->type, at);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static int to_string(lua_State *L) {
  array *a = check(L);
  span s = check_span(L, a, 2);
  lua_pushlstring(L, (const char *)start(a, s), s.count * a->type->size);
  return 1;
}

static int slice(lua_State *L) {
  array *a = check(L);
  span s = check_span(L, a, 2);
  array *v = wp_shared_push(L, &array_kind);
  if (wp_shared_again(&a->base.handle, &v->base.handle) < 0)
    return luaL_error(L, "too many shared objects in this process");
  view(v, a->first + s.first, s.count);
  return 1;
}

/* ---- copying in --------------------------------------------------------- */

static void check_room(lua_State *L, const array *a, size_t count, size_t at) {
  if (at >= 1 && at <= a->length + 1 && count <= a->length - (at - 1)) return;
  luaL_error(L, "%s: %I elements from index %I on do not fit 1..%I",
             title(L, a), (lua_Integer)count, (lua_Integer)at,
             (lua_Integer)a->length);
}

static void copy_array(lua_State *L, array *a, const array *from, size_t at) {
  check_room(L, a, from->length, at);
  unsigned char *to = a->data + (at - 1) * a->type->size;
  const unsigned char *source = from->data;
  if (from->type->kind == a->type->kind && from->type->size == a->type->size) {
    memmove(to, source, from->length * a->type->size);
    return;
  }
  for (size_t i = 0; i < from->length; i++, to += a->type->size) {
    push_element(L, from->type, source + i * from->type->size);
    wp_element_store(a->type, to, check_bits(L, a, -1, at + i));
    lua_pop(L, 1);
  }
}

static void copy_string(lua_State *L, array *a, int from, size_t at) {
  size_t size;
  const char *s = lua_tolstring(L, from, &size);
  if (size % a->type->size != 0)
    luaL_error(L, "%s: a string of %I bytes is no whole number of elements",
               title(L, a), (lua_Integer)size);
  check_room(L, a, size / a->type->size, at);
  memcpy(a->data + (at - 1) * a->type->size, s, size);
}

static void copy_list(lua_State *L, array *a, int from, size_t at) {
  lua_Integer n = luaL_len(L, from);
  check_room(L, a, (size_t)(n < 0 ? 0 : n), at);
  unsigned char *to = a->data + (at - 1) * a->type->size;
  for (lua_Integer i = 1; i <= n; i++, to += a->type->size) {
    lua_geti(L, from, i);
    wp_element_store(a->type, to,
                     check_bits(L, a, -1, at + (size_t)i - 1));
    lua_pop(L, 1);
  }
}

static array *test_array(lua_State *L, int at) {
  wp_shared_ud *ud = wp_shared_test(L, at);
  if (!ud || ud->type != WP_SHARED_ARRAY) return NULL;
  return wp_shared_check(L, at, &array_kind);
}

static void copy_any(lua_State *L, array *a, int from, size_t at) {
  array *other = test_array(L, from);
  if (other) copy_array(L, a, other, at);
  else if (lua_type(L, from) == LUA_TSTRING) copy_string(L, a, from, at);
  else if (lua_istable(L, from)) copy_list(L, a, from, at);
  else luaL_typeerror(L, from, "list, Array or string");
}

static int copy_from(lua_State *L) {
  array *a = check(L);
  lua_Integer at = luaL_optinteger(L, 3, 1);
  copy_any(L, a, 2, at < 1 ? 0 : (size_t)at);
  lua_settop(L, 1);
  return 1;
}

/* ---- iterating ---------------------------------------------------------- */

/* stack: array, index. As ipairs, without the detour through __index. */
static int next_element(lua_State *L) {
  array *a = quick(L);
  lua_Unsigned i = (lua_Unsigned)luaL_checkinteger(L, 2);
  if (i >= a->length) return 0;
  lua_pushinteger(L, (lua_Integer)i + 1);
  return 1 + push_element(L, a->type, a->data + i * a->type->size);
}

static int each(lua_State *L) {
  (void)check(L);
  lua_pushcfunction(L, next_element);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

/* ---- Value -------------------------------------------------------------- */

static int is_value_key(lua_State *L) {
  return lua_type(L, 2) == LUA_TSTRING &&
         strcmp(lua_tostring(L, 2), "value") == 0;
}

static int index_value(lua_State *L) {
  array *a = quick(L);
  if (is_value_key(L)) return push_element(L, a->type, a->data);
  lua_settop(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  return 1;
}

static int newindex_value(lua_State *L) {
  array *a = quick(L);
  if (!is_value_key(L))
    return luaL_error(L, "%s: has no field '%s'; what it holds is in 'value'",
                      title(L, a), luaL_tolstring(L, 2, NULL));
  wp_element_store(a->type, a->data, check_bits(L, a, 3, 1));
  return 0;
}

static int value_get(lua_State *L) {
  array *a = check(L);
  return push_element(L, a->type, a->data);
}

static int value_set(lua_State *L) {
  array *a = check(L);
  wp_element_store(a->type, a->data, check_bits(L, a, 2, 1));
  return 0;
}

#define CHANGES_VALUE(name, how)                  \
  static int name(lua_State *L) {                 \
    array *a = check(L);                          \
    if (lua_isnone(L, 2)) lua_pushinteger(L, 1);  \
    return change(L, a, a->data, 1, how, 2);      \
  }
CHANGES_VALUE(value_add, WP_ADD)
CHANGES_VALUE(value_min, WP_MIN)
CHANGES_VALUE(value_max, WP_MAX)

static int value_cas(lua_State *L) {
  array *a = check(L);
  return swap(L, a, a->data, 1, 2);
}

static int value_wait(lua_State *L) {
  array *a = check(L);
  uint64_t deadline = wp_shared_deadline(L, 3);
  lua_pushboolean(L, wait_while(L, a, a->data, 1, 2, deadline));
  return 1;
}

static int value_notify(lua_State *L) {
  array *a = check(L);
  return notify_at(L, a->data, 2);
}

/* ---- making ------------------------------------------------------------- */

static array *make(lua_State *L, const wp_shared_kind *kind, const wp_type *t,
                   char code, lua_Unsigned n) {
  if (n > SIZE_MAX / 16)
    luaL_error(L, "no room for %I elements of %s", (lua_Integer)n, t->name);
  array *a = wp_shared_push(L, kind);
  wp_shared_make(L, &a->base, sizeof(wp_array) + (size_t)n * t->size);
  wp_array *whole = a->base.handle.object;
  wp_lock_init(&whole->lock);
  whole->has_lock = (uint32_t)lua_toboolean(L, 3);
  whole->code = (unsigned char)code;
  whole->length = n;
  view(a, 0, (size_t)n);
  return a;
}

static const wp_type *check_type(lua_State *L, char *code) {
  const char *name = luaL_checkstring(L, 1);
  const wp_type *t = wp_type_find(name);
  if (!t)
    luaL_error(L, "unknown typecode '%s' (b B h H i I l L q Q f d, or int8 "
                  "... uint64, float, double)", name);
  *code = name[1] ? t->code : name[0];
  return t;
}

/* How many elements the list, Array or string at 2 stands for. */
static lua_Unsigned count_elements(lua_State *L, const wp_type *t) {
  array *other = test_array(L, 2);
  if (other) return other->length;
  if (lua_type(L, 2) == LUA_TSTRING) return lua_rawlen(L, 2) / t->size;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer n = luaL_len(L, 2);
  return n < 0 ? 0 : (lua_Unsigned)n;
}

static int new_array(lua_State *L) {
  char code;
  const wp_type *t = check_type(L, &code);
  lua_settop(L, 3);
  if (lua_isinteger(L, 2)) {
    lua_Integer n = lua_tointeger(L, 2);
    luaL_argcheck(L, n >= 0, 2, "a length cannot be negative");
    (void)make(L, &array_kind, t, code, (lua_Unsigned)n);
    return 1;
  }
  array *a = make(L, &array_kind, t, code, count_elements(L, t));
  lua_pushvalue(L, 4);
  lua_insert(L, 1); /* where messages look for the object */
  copy_any(L, a, 3, 1);
  lua_settop(L, 1);
  return 1;
}

static int new_value(lua_State *L) {
  char code;
  const wp_type *t = check_type(L, &code);
  lua_settop(L, 3);
  array *a = make(L, &value_kind, t, code, 1);
  lua_insert(L, 1);
  if (lua_isnil(L, 3)) return (lua_settop(L, 1), 1);
  wp_element_store(t, a->data, check_bits(L, a, 3, 1));
  lua_settop(L, 1);
  return 1;
}

static int array_tostring(lua_State *L) {
  const array *a = check(L);
  lua_pushfstring(L, "%s[%I]", title(L, a), (lua_Integer)a->length);
  return 1;
}

static int value_tostring(lua_State *L) {
  array *a = check(L);
  const char *name = title(L, a);
  push_element(L, a->type, a->data);
  lua_pushfstring(L, "%s: %s", name, luaL_tolstring(L, -1, NULL));
  return 1;
}

static int typecode(lua_State *L) {
  char code = (char)check(L)->whole->code;
  lua_pushlstring(L, &code, 1);
  return 1;
}

/* stack: …, class -> …: the methods become an upvalue of __index. */
static void set_index(lua_State *L, lua_CFunction f) {
  lua_getfield(L, -1, "__index");
  lua_pushcclosure(L, f, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static void destroy(wp_heap *h, void *object, size_t size) {
  wp_array *a = object;
  (void)h;
  /* The last handle may go while we have the lock. */
  if (size >= sizeof(*a) && a->code && wp_lock_leave(&a->lock) == 0)
    wp_shared_pin(-1);
}

void wp_bind_shared_array(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"shared_array", new_array}, {"shared_value", new_value}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"get", get},           {"set", set},
      {"add", add},           {"cas", cas},
      {"min", min},           {"max", max},
      {"wait", wait_array},   {"notify", notify_array},
      {"slice", slice},       {"fill", fill},
      {"sum", sum},           {"totable", totable},
      {"tostring", to_string}, {"copy_from", copy_from},
      {"each", each},         {"typecode", typecode},
      {"__len", length},      {"__newindex", newindex_array},
      {"__tostring", array_tostring}, {NULL, NULL}};
  static const luaL_Reg value_methods[] = {
      {"get", value_get},     {"set", value_set},
      {"add", value_add},     {"cas", value_cas},
      {"min", value_min},     {"max", value_max},
      {"wait", value_wait},   {"notify", value_notify},
      {"typecode", typecode}, {"__newindex", newindex_value},
      {"__tostring", value_tostring}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  wp_shared_class(L, &array_kind, methods);
  wp_shared_add_methods(L, wp_shared_lock_methods);
  set_index(L, index_array);
  wp_shared_class(L, &value_kind, value_methods);
  wp_shared_add_methods(L, wp_shared_lock_methods);
  set_index(L, index_value);
  wp_holder_on_destroy(WP_SHARED_ARRAY, destroy);
}
