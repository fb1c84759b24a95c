/*
** Bind, shared arrays: workerpool.Array: making, one element, travelling.
**
**   core.shared_array(typecode, n | list | string, lock) -> array
*/
#include "bind.h"
#include "bind_shared_view.h"
#include "shared_holder.h"

#include <string.h>

static int depart(lua_State *L, wp_shared_ud *ud) {
  const wp_view *a = (const wp_view *)(const void *)ud;
  lua_pushinteger(L, (lua_Integer)a->first);
  lua_pushinteger(L, (lua_Integer)a->length);
  return 2;
}

void wp_view_set(wp_view *a, size_t first, size_t length) {
  a->whole = a->base.handle.object;
  a->type = wp_type_of((char)a->whole->code);
  a->first = first;
  a->length = length;
  a->data = (unsigned char *)(a->whole + 1) + first * a->type->size;
}

static void arrive(lua_State *L, wp_shared_ud *ud, int extra) {
  wp_view *a = (wp_view *)(void *)ud;
  const wp_array *whole = ud->handle.object;
  lua_Unsigned first = (lua_Unsigned)luaL_checkinteger(L, extra);
  lua_Unsigned length = (lua_Unsigned)luaL_checkinteger(L, extra + 1);
  if (first > whole->length || length > whole->length - first)
    luaL_error(L, "cannot receive a view of elements that are not there");
  wp_view_set(a, first, length);
}

const wp_shared_kind wp_array_kind = {
    WP_SHARED_ARRAY, "workerpool.Array", sizeof(wp_view), depart, arrive};
const wp_shared_kind wp_value_kind = {
    WP_SHARED_ARRAY, "workerpool.Value", sizeof(wp_view), depart, arrive};

wp_view *wp_view_check(lua_State *L) {
  return wp_shared_check(L, 1, &wp_array_kind);
}

wp_view *wp_view_test(lua_State *L, int at) {
  wp_shared_ud *ud = wp_shared_test(L, at);
  if (!ud || ud->type != WP_SHARED_ARRAY) return NULL;
  return wp_shared_check(L, at, &wp_array_kind);
}

/* ---- one element -------------------------------------------------------- */

static int get(lua_State *L) {
  size_t index;
  wp_view *a = wp_view_check(L);
  return wp_view_push(L, a->type, wp_view_element(L, a, 2, &index));
}

static int set(lua_State *L) {
  size_t index;
  wp_view *a = wp_view_check(L);
  void *at = wp_view_element(L, a, 2, &index);
  wp_element_store(a->type, at, wp_view_bits(L, a, 3, index));
  return 0;
}

static int index_array(lua_State *L) {
  wp_view *a = wp_view_quick(L);
  if (lua_isinteger(L, 2)) {
    lua_Unsigned i = (lua_Unsigned)lua_tointeger(L, 2) - 1;
    if (i < a->length)
      return wp_view_push(L, a->type, a->data + i * a->type->size);
    /* As a list: ipairs ends at the first nil. */
    if (i == a->length) return 0;
  }
  if (lua_type(L, 2) == LUA_TNUMBER) return get(L);
  lua_settop(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  return 1;
}

/* The commonest: what Lua has is what the element has, in eight bytes. */
static int store_quickly(lua_State *L, const wp_view *a, void *at) {
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
  wp_view *a = wp_view_quick(L);
  if (lua_isinteger(L, 2)) {
    lua_Unsigned i = (lua_Unsigned)lua_tointeger(L, 2) - 1;
    if (i < a->length && store_quickly(L, a, a->data + i * a->type->size))
      return 0;
  }
  if (lua_type(L, 2) != LUA_TNUMBER)
    return luaL_error(L, "%s: an index is a number, got %s",
                      wp_view_title(L, wp_view_quick(L)),
                      luaL_tolstring(L, 2, NULL));
  return set(L);
}

static int length(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)wp_view_check(L)->length);
  return 1;
}

#define CHANGES(name, how)                          \
  static int name(lua_State *L) {                   \
    size_t index;                                   \
    wp_view *a = wp_view_check(L);                  \
    void *at = wp_view_element(L, a, 2, &index);    \
    if (lua_isnone(L, 3)) lua_pushinteger(L, 1);    \
    return wp_view_change(L, a, at, index, how, 3); \
  }
CHANGES(add, WP_ADD)
CHANGES(min, WP_MIN)
CHANGES(max, WP_MAX)

static int cas(lua_State *L) {
  size_t index;
  wp_view *a = wp_view_check(L);
  void *at = wp_view_element(L, a, 2, &index);
  return wp_view_swap(L, a, at, index, 3);
}

static int wait_array(lua_State *L) {
  size_t index;
  wp_view *a = wp_view_check(L);
  void *at = wp_view_element(L, a, 2, &index);
  uint64_t deadline = wp_shared_deadline(L, 4);
  lua_pushboolean(L, wp_view_wait(L, a, at, index, 3, deadline));
  return 1;
}

static int notify_array(lua_State *L) {
  size_t index;
  wp_view *a = wp_view_check(L);
  return wp_view_notify(L, wp_view_element(L, a, 2, &index), 3);
}

/* ---- making ------------------------------------------------------------- */

wp_view *wp_view_new(lua_State *L, const wp_shared_kind *kind,
                     const wp_type *t, char code, lua_Unsigned n) {
  if (n > SIZE_MAX / 16)
    luaL_error(L, "no room for %I elements of %s", (lua_Integer)n, t->name);
  wp_view *a = wp_shared_push(L, kind);
  wp_shared_make(L, &a->base, sizeof(wp_array) + (size_t)n * t->size);
  wp_array *whole = a->base.handle.object;
  wp_lock_init(&whole->lock);
  whole->has_lock = (uint32_t)lua_toboolean(L, 3);
  whole->code = (unsigned char)code;
  whole->length = n;
  wp_view_set(a, 0, (size_t)n);
  return a;
}

const wp_type *wp_view_type(lua_State *L, char *code) {
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
  wp_view *other = wp_view_test(L, 2);
  if (other) return other->length;
  if (lua_type(L, 2) == LUA_TSTRING) return lua_rawlen(L, 2) / t->size;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer n = luaL_len(L, 2);
  return n < 0 ? 0 : (lua_Unsigned)n;
}

static int new_array(lua_State *L) {
  char code;
  const wp_type *t = wp_view_type(L, &code);
  lua_settop(L, 3);
  if (lua_isinteger(L, 2)) {
    lua_Integer n = lua_tointeger(L, 2);
    luaL_argcheck(L, n >= 0, 2, "a length cannot be negative");
    (void)wp_view_new(L, &wp_array_kind, t, code, (lua_Unsigned)n);
    return 1;
  }
  wp_view *a = wp_view_new(L, &wp_array_kind, t, code, count_elements(L, t));
  lua_pushvalue(L, 4);
  lua_insert(L, 1); /* where messages look for the object */
  wp_view_copy(L, a, 3, 1);
  lua_settop(L, 1);
  return 1;
}

static int array_tostring(lua_State *L) {
  const wp_view *a = wp_view_check(L);
  lua_pushfstring(L, "%s[%I]", wp_view_title(L, a), (lua_Integer)a->length);
  return 1;
}

int wp_view_typecode(lua_State *L) {
  char code = (char)wp_view_check(L)->whole->code;
  lua_pushlstring(L, &code, 1);
  return 1;
}

/* ---- the class ---------------------------------------------------------- */

void wp_view_class_index(lua_State *L, lua_CFunction f) {
  lua_getfield(L, -1, "__index");
  lua_pushcclosure(L, f, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static int destroy(wp_heap *h, void *object, size_t size) {
  wp_array *a = object;
  (void)h;
  return size < sizeof(*a) || !a->code || wp_shared_abandon(&a->lock);
}

void wp_bind_shared_array(lua_State *L) {
  static const luaL_Reg functions[] = {{"shared_array", new_array},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"get", get},           {"set", set},
      {"add", add},           {"cas", cas},
      {"min", min},           {"max", max},
      {"wait", wait_array},   {"notify", notify_array},
      {"typecode", wp_view_typecode},
      {"__len", length},      {"__newindex", newindex_array},
      {"__tostring", array_tostring}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  wp_shared_class(L, &wp_array_kind, methods);
  wp_shared_add_methods(L, wp_view_span_methods);
  wp_shared_add_methods(L, wp_shared_lock_methods);
  wp_view_class_index(L, index_array);
  wp_bind_shared_cell(L);
  wp_holder_on_destroy(WP_SHARED_ARRAY, destroy);
}
