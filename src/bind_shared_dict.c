/*
** Bind, shared: workerpool.Dict.
**
**   core.shared_dict(capacity, bytes) -> dict
**   d[key], d.key   d[key] = v   #d   pairs(d)
**   d:get(key [, default])   d:set(key, v [, seconds])   d:has(key)
**   d:add(key, v) -> is new   d:delete(key) -> was there   d:clear()
**   d:incr(key [, by = 1]) -> new value
**   d:update(key, f) -> f(value), now the value
**   d:keys() -> list   d:totable() -> table   d:deaths()   d:capacity()
*/
#include "bind.h"
#include "bind_shared.h"
#include "bind_shared_key.h"
#include "bind_shared_value.h"
#include "shared_dict.h"
#include "shared_holder.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static const wp_shared_kind dict_kind = {
    WP_SHARED_DICT, "workerpool.Dict", sizeof(wp_shared_ud), NULL, NULL};

static wp_dict *check(lua_State *L) {
  wp_shared_ud *ud = wp_shared_check(L, 1, &dict_kind);
  return ud->handle.object;
}

static int new_dict(lua_State *L) {
  lua_Integer capacity = luaL_checkinteger(L, 1);
  lua_Integer bytes = luaL_checkinteger(L, 2);
  luaL_argcheck(L, capacity > 0 && bytes > 0, 1, "positive sizes expected");
  wp_shared_ud *ud = wp_shared_push(L, &dict_kind);
  wp_shared_make(L, ud, wp_dict_size((uint64_t)capacity, (uint64_t)bytes));
  wp_dict_init(ud->handle.object, (uint64_t)capacity, (uint64_t)bytes);
  return 1;
}

static void recover(wp_dict *d) {
  atomic_fetch_add(&d->deaths, 1);
  wp_dict_repair(d);
}

static void enter(lua_State *L, wp_dict *d) {
  if (wp_shared_lock(L, &d->lock, WP_NEVER, "Dict") == WP_LOCK_OWNER_DIED)
    recover(d);
}

static void leave(lua_State *L, wp_dict *d) {
  wp_shared_unlock(L, &d->lock, "Dict");
}

/* ---- reading ------------------------------------------------------------ */

static void push_value(lua_State *L, wp_dict_record *r) {
  wp_span value = wp_record_value(r);
  wp_value_push(L, value.data, value.length);
}

/* What is decoded under the lock may raise: the lock must go first. `f`
** gets what is on the stack from `first` on, and the dict and the key. */
typedef struct job {
  wp_dict *d;
  const wp_key *k;
} job;

static int run_locked(lua_State *L, wp_dict *d, const wp_key *k,
                      lua_CFunction f, int n) {
  job j = {d, k};
  int first = lua_gettop(L) - n + 1;
  lua_pushcfunction(L, f);
  lua_insert(L, first);
  lua_pushlightuserdata(L, &j);
  lua_insert(L, first + 1);
  enter(L, d);
  int status = lua_pcall(L, n + 1, LUA_MULTRET, 0);
  leave(L, d);
  if (status != LUA_OK) lua_error(L);
  return lua_gettop(L) - first + 1;
}

static int push_found(lua_State *L) {
  const job *j = lua_touserdata(L, 1);
  wp_dict_record *r = wp_dict_find(j->d, j->k->span, j->k->hash);
  if (!r) return 0;
  push_value(L, r);
  return 1;
}

/* A value is copied out: decoding it may run finalizers, and they may want the
** dict. But handles in it have to be received before others take them away. */
static int get_long(lua_State *L, wp_dict *d, const wp_key *k) {
  wp_box *box = wp_box_push(L);
  int at = lua_gettop(L), status = WP_OK;
  box->bytes.len = 0;
  enter(L, d);
  wp_dict_record *r = wp_dict_find(d, k->span, k->hash);
  wp_span value = r ? wp_record_value(r) : (wp_span){NULL, 0};
  int has_handles = r && r->n_tickets > 0;
  if (!has_handles)
    status = wp_bytes_append(&box->bytes, value.data, value.length);
  leave(L, d);
  if (status < 0) luaL_error(L, "not enough memory");
  if (has_handles) return run_locked(L, d, k, push_found, 0);
  if (r) wp_value_push(L, box->bytes.data, box->bytes.len);
  wp_box_keep(L, at);
  return r != NULL;
}

#define SHORT 256
static int get_key(lua_State *L, wp_dict *d, int at) {
  wp_key k;
  unsigned char copy[SHORT];
  wp_key_check(L, at, &k);
  enter(L, d);
  wp_dict_record *r = wp_dict_find(d, k.span, k.hash);
  wp_span value = r ? wp_record_value(r) : (wp_span){NULL, 0};
  int is_plain = !r || (value.length <= SHORT && r->n_tickets == 0);
  if (r && is_plain) memcpy(copy, value.data, value.length);
  leave(L, d);
  if (!r) return 0;
  if (!is_plain) return get_long(L, d, &k);
  wp_value_push(L, copy, value.length);
  return 1;
}

static int get(lua_State *L) {
  wp_dict *d = check(L);
  lua_settop(L, 3);
  if (get_key(L, d, 2) == 0) lua_pushvalue(L, 3);
  return 1;
}

static int index_dict(lua_State *L) {
  wp_dict *d = check(L);
  if (lua_type(L, 2) == LUA_TSTRING) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    lua_pop(L, 1);
  }
  /* No key of a table either, so nothing is there. */
  if (lua_isnil(L, 2)) return 0;
  return get_key(L, d, 2);
}

static int has(lua_State *L) {
  wp_key k;
  wp_dict *d = check(L);
  wp_key_check(L, 2, &k);
  enter(L, d);
  int found = wp_dict_find(d, k.span, k.hash) != NULL;
  leave(L, d);
  lua_pushboolean(L, found);
  return 1;
}

/* Who died may have left a wrong one: seen where the lock is free. */
static int count(lua_State *L) {
  wp_dict *d = check(L);
  int status = wp_lock_take(&d->lock, 0);
  if (status == WP_LOCK_OWNER_DIED) recover(d);
  if (status >= 0) (void)wp_lock_leave(&d->lock);
  lua_pushinteger(L, (lua_Integer)atomic_load(&d->count));
  return 1;
}

/* ---- writing ------------------------------------------------------------ */

static int fail_full(lua_State *L, const wp_dict *d, int status,
                     size_t length) {
  if (status == -ENOMEM)
    return wp_shared_fail(L, "Dict: too many handles in queues and dicts");
  if (status == WP_ETOOBIG)
    return wp_shared_fail(L, "Dict: a value of %I bytes; the dict has %I in "
                             "all", (lua_Integer)length,
                          (lua_Integer)d->bytes);
  return wp_shared_fail(L, "Dict: full: %I of %I keys, %I of %I bytes",
                        (lua_Integer)atomic_load(&d->count),
                        (lua_Integer)d->capacity, (lua_Integer)d->alive_bytes,
                        (lua_Integer)d->bytes);
}

static void wake(wp_dict *d) {
  atomic_fetch_add(&d->freed, 1);
  if (atomic_load(&d->sleepers)) (void)wp_word_wake(&d->freed, INT_MAX);
}

/* WP_LOCK_OWNER_DIED is no status here: 1 says that the key was there and
** only_new forbade to replace it. */
static int store_once(lua_State *L, wp_dict *d, const wp_key *k, wp_box *box,
                      int only_new) {
  wp_span value = {box->bytes.data, box->bytes.len};
  enter(L, d);
  int status = only_new && wp_dict_find(d, k->span, k->hash);
  if (!status) status = wp_dict_set(d, k->span, k->hash, value, &box->tickets);
  if (status == WP_OK) box->is_owner = 0;
  leave(L, d);
  return status;
}

static int store(lua_State *L, wp_dict *d, const wp_key *k, wp_box *box,
                 int only_new, uint64_t deadline) {
  for (;;) {
    uint32_t seen = atomic_load(&d->freed);
    int status = store_once(L, d, k, box, only_new);
    if (status != WP_EFULL || wp_now_ns() >= deadline) return status;
    atomic_fetch_add(&d->sleepers, 1);
    wp_word_wait(&d->freed, seen, wp_slice_end(deadline));
    atomic_fetch_sub(&d->sleepers, 1);
    wp_shared_breathe(L);
  }
}

static int remove_key(lua_State *L, wp_dict *d, int at) {
  wp_key k;
  wp_key_check(L, at, &k);
  enter(L, d);
  wp_dict_record *r = wp_dict_find(d, k.span, k.hash);
  if (r) wp_dict_delete(d, r);
  leave(L, d);
  if (r) wake(d);
  return r != NULL;
}

/* stack: dict, key, value. 0, 1 (see store_once), or WP_EFULL after all. */
static int set_key(lua_State *L, wp_dict *d, int only_new, uint64_t deadline) {
  wp_key k;
  wp_key_check(L, 2, &k);
  wp_box *box = wp_box_push(L);
  wp_box_write(L, box, 3, "value");
  int status = store(L, d, &k, box, only_new, deadline);
  if (status < 0 && (status != WP_EFULL || deadline == 0))
    fail_full(L, d, status, box->bytes.len);
  wp_box_keep(L, -1);
  return status;
}

static int newindex(lua_State *L) {
  wp_dict *d = check(L);
  if (lua_isnil(L, 3)) (void)remove_key(L, d, 2);
  else (void)set_key(L, d, 0, 0);
  return 0;
}

static int set(lua_State *L) {
  wp_dict *d = check(L);
  uint64_t deadline =
      lua_isnoneornil(L, 4) ? 0 : wp_shared_deadline(L, 4);
  lua_settop(L, 4);
  if (lua_isnil(L, 3)) {
    (void)remove_key(L, d, 2);
  } else if (set_key(L, d, 0, deadline) == WP_EFULL) {
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "timeout");
    return 2;
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int add(lua_State *L) {
  wp_dict *d = check(L);
  luaL_argcheck(L, !lua_isnoneornil(L, 3), 3, "a dict cannot hold nil");
  lua_pushboolean(L, set_key(L, d, 1, 0) == WP_OK);
  return 1;
}

static int delete(lua_State *L) {
  lua_pushboolean(L, remove_key(L, check(L), 2));
  return 1;
}

static int clear(lua_State *L) {
  wp_dict *d = check(L);
  enter(L, d);
  wp_dict_clear(d);
  leave(L, d);
  wake(d);
  return 0;
}

/* ---- changes under the lock --------------------------------------------- */

/* stack: job, by, the old value -> job, by, the new one */
static void add_to_value(lua_State *L) {
  lua_Integer sum;
  if (lua_type(L, 3) != LUA_TNUMBER)
    wp_shared_fail(L, "Dict: incr: the value is no number but a %s",
                   luaL_typename(L, 3));
  if (lua_isinteger(L, 2) && lua_isinteger(L, 3) &&
      __builtin_add_overflow(lua_tointeger(L, 2), lua_tointeger(L, 3), &sum))
    wp_shared_fail(L, "Dict: incr: out of the range of integers");
  lua_pushvalue(L, 2);
  lua_arith(L, LUA_OPADD);
}

/* stack: job, by -> the new value */
static int increase(lua_State *L) {
  const job *j = lua_touserdata(L, 1);
  wp_dict_record *r = wp_dict_find(j->d, j->k->span, j->k->hash);
  unsigned char value[WP_VALUE_NUMBER];
  wp_bytes no_tickets = {0};
  if (r) push_value(L, r);
  else lua_pushinteger(L, 0);
  add_to_value(L);
  wp_value_of_number(L, 3, value);
  int status = wp_dict_set(j->d, j->k->span, j->k->hash,
                           (wp_span){value, sizeof(value)}, &no_tickets);
  if (status < 0) return fail_full(L, j->d, status, sizeof(value));
  return 1;
}

static int incr(lua_State *L) {
  wp_key k;
  wp_dict *d = check(L);
  lua_settop(L, 3);
  wp_key_check(L, 2, &k);
  if (lua_isnil(L, 3)) lua_pushinteger(L, 1);
  else lua_pushvalue(L, 3);
  if (lua_type(L, -1) != LUA_TNUMBER) return luaL_typeerror(L, 3, "number");
  return run_locked(L, d, &k, increase, 1);
}

/* stack: job, f, box -> the new value */
static int change(lua_State *L) {
  const job *j = lua_touserdata(L, 1);
  wp_box *box = lua_touserdata(L, 3);
  wp_dict_record *r = wp_dict_find(j->d, j->k->span, j->k->hash);
  lua_pushvalue(L, 2);
  if (r) push_value(L, r);
  else lua_pushnil(L);
  lua_call(L, 1, 1);
  /* f may have taken long, but nobody has been here: we have the lock. */
  if (lua_isnil(L, 4)) {
    if (r) wp_dict_delete(j->d, r);
    return 1;
  }
  wp_box_write(L, box, 4, "value");
  int status = wp_dict_set(j->d, j->k->span, j->k->hash,
                           (wp_span){box->bytes.data, box->bytes.len},
                           &box->tickets);
  if (status < 0) return fail_full(L, j->d, status, box->bytes.len);
  box->is_owner = 0;
  return 1;
}

static int update(lua_State *L) {
  wp_key k;
  wp_dict *d = check(L);
  wp_shared_check_callable(L, 3);
  lua_settop(L, 3);
  wp_key_check(L, 2, &k);
  lua_pushvalue(L, 3);
  (void)wp_box_push(L);
  int n = run_locked(L, d, &k, change, 2);
  wake(d);
  return n;
}

/* ---- all of it ---------------------------------------------------------- */

/* stack: job, which: 1 keys, 2 both as a table, 3 both as a list */
static int list(lua_State *L) {
  const job *j = lua_touserdata(L, 1);
  lua_Integer which = lua_tointeger(L, 2), n = 0;
  lua_newtable(L);
  for (wp_dict_record *r = NULL; (r = wp_dict_next(j->d, r));) {
    wp_span name = wp_record_key(r);
    wp_value_push(L, name.data, name.length);
    if (which != 2) lua_rawseti(L, 3, ++n);
    if (which == 1) continue;
    push_value(L, r);
    if (which == 2) lua_rawset(L, 3);
    else lua_rawseti(L, 3, ++n);
  }
  return 1;
}

static int push_list(lua_State *L, lua_Integer which) {
  wp_dict *d = check(L);
  lua_pushinteger(L, which);
  return run_locked(L, d, NULL, list, 1);
}

static int keys(lua_State *L) { return push_list(L, 1); }
static int totable(lua_State *L) { return push_list(L, 2); }

static int next_pair(lua_State *L) {
  lua_Integer i = lua_tointeger(L, lua_upvalueindex(2));
  lua_pushinteger(L, i + 2);
  lua_replace(L, lua_upvalueindex(2));
  if (lua_rawgeti(L, lua_upvalueindex(1), i) == LUA_TNIL) return 1;
  lua_rawgeti(L, lua_upvalueindex(1), i + 1);
  return 2;
}

/* The pairs that there are now, however long the loop takes. */
static int pairs(lua_State *L) {
  (void)push_list(L, 3);
  lua_pushinteger(L, 1);
  lua_pushcclosure(L, next_pair, 2);
  return 1;
}

static int deaths(lua_State *L) {
  lua_pushinteger(L, atomic_load(&check(L)->deaths));
  return 1;
}

static int capacity(lua_State *L) {
  const wp_dict *d = check(L);
  lua_pushinteger(L, (lua_Integer)d->capacity);
  lua_pushinteger(L, (lua_Integer)d->bytes);
  return 2;
}

void wp_bind_shared_dict(lua_State *L) {
  static const luaL_Reg functions[] = {{"shared_dict", new_dict},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"get", get},         {"set", set},       {"has", has},
      {"add", add},         {"delete", delete}, {"clear", clear},
      {"incr", incr},       {"update", update}, {"keys", keys},
      {"totable", totable}, {"deaths", deaths}, {"capacity", capacity},
      {"__len", count},     {"__pairs", pairs}, {"__newindex", newindex},
      {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  wp_shared_class(L, &dict_kind, methods);
  lua_getfield(L, -1, "__index");
  lua_pushcclosure(L, index_dict, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  wp_holder_on_destroy(WP_SHARED_DICT, wp_dict_destroy);
}
