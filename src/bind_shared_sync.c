/*
** Bind, shared: workerpool.Lock, Event, Semaphore and Barrier.
**
**   core.shared_lock()         core.shared_event()
**   core.shared_semaphore(n)   core.shared_barrier(n)
*/
#include "bind.h"
#include "bind_shared.h"
#include "shared_holder.h"
#include "shared_sync.h"

#include <limits.h>

static const wp_shared_kind lock_kind = {
    WP_SHARED_LOCK, "workerpool.Lock", sizeof(wp_shared_ud), NULL, NULL};
static const wp_shared_kind event_kind = {
    WP_SHARED_EVENT, "workerpool.Event", sizeof(wp_shared_ud), NULL, NULL};
static const wp_shared_kind semaphore_kind = {
    WP_SHARED_SEMAPHORE, "workerpool.Semaphore", sizeof(wp_shared_ud), NULL,
    NULL};
static const wp_shared_kind barrier_kind = {
    WP_SHARED_BARRIER, "workerpool.Barrier", sizeof(wp_shared_ud), NULL, NULL};

static void *made(lua_State *L, const wp_shared_kind *kind, size_t size) {
  wp_shared_ud *ud = wp_shared_push(L, kind);
  wp_shared_make(L, ud, size);
  return ud->handle.object;
}

static void *object(lua_State *L, const wp_shared_kind *kind) {
  wp_shared_ud *ud = wp_shared_check(L, 1, kind);
  return ud->handle.object;
}

/* ---- Lock --------------------------------------------------------------- */

/* A mutex, and a word that says that it has been made. */
typedef struct lock {
  wp_lock lock;
  uint32_t is_made;
} lock;

static int new_lock(lua_State *L) {
  lock *l = made(L, &lock_kind, sizeof(*l));
  wp_lock_init(&l->lock);
  l->is_made = 1;
  return 1;
}

static int destroy_lock(wp_heap *h, void *at, size_t size) {
  lock *l = at;
  (void)h;
  return size < sizeof(*l) || !l->is_made || wp_shared_abandon(&l->lock);
}

/* ---- Event -------------------------------------------------------------- */

static wp_shared_event *check_event(lua_State *L) {
  return object(L, &event_kind);
}

static int new_event(lua_State *L) {
  (void)made(L, &event_kind, sizeof(wp_shared_event));
  return 1;
}

static int event_set(lua_State *L) {
  wp_shared_event *e = check_event(L);
  atomic_store(&e->is_set, 1);
  (void)wp_word_wake(&e->is_set, INT_MAX);
  return 0;
}

static int event_clear(lua_State *L) {
  atomic_store(&check_event(L)->is_set, 0);
  return 0;
}

static int event_is_set(lua_State *L) {
  lua_pushboolean(L, atomic_load(&check_event(L)->is_set) != 0);
  return 1;
}

static int event_wait(lua_State *L) {
  wp_shared_event *e = check_event(L);
  uint64_t deadline = wp_shared_deadline(L, 2);
  while (!atomic_load(&e->is_set) && wp_now_ns() < deadline) {
    wp_word_wait(&e->is_set, 0, wp_slice_end(deadline));
    wp_shared_breathe(L);
  }
  return event_is_set(L);
}

/* Who cannot be told from others cannot own a permit, nor be counted. */
static uint64_t identity(lua_State *L) {
  uint64_t me = wp_shared_identity();
  if (!me) luaL_error(L, "too many processes use shared objects");
  return me;
}

/* ---- Semaphore ---------------------------------------------------------- */

static wp_semaphore *check_semaphore(lua_State *L) {
  return object(L, &semaphore_kind);
}

static int new_semaphore(lua_State *L) {
  uint32_t n = (uint32_t)luaL_checkinteger(L, 1);
  wp_semaphore *s = made(L, &semaphore_kind, sizeof(*s));
  wp_semaphore_init(s, n);
  return 1;
}

static void enter(lua_State *L, wp_semaphore *s) {
  int status = wp_shared_lock(L, &s->lock, WP_NEVER, "Semaphore");
  if (status == WP_LOCK_OWNER_DIED) wp_semaphore_recover(s);
}

static void leave(lua_State *L, wp_semaphore *s) {
  wp_shared_unlock(L, &s->lock, "Semaphore");
}

static int try_once(lua_State *L, wp_semaphore *s, int recover) {
  uint64_t me = identity(L);
  enter(L, s);
  if (recover && atomic_load(&s->free) == 0) wp_semaphore_recover(s);
  int status = wp_semaphore_try(s, me);
  leave(L, s);
  return status;
}

/* Whoever gets none looks whether an owner died, at first and then after each
** slice: nobody else would. */
static int acquire(lua_State *L) {
  wp_semaphore *s = check_semaphore(L);
  uint64_t deadline = wp_shared_deadline(L, 2);
  int status = try_once(L, s, 0);
  while (!status && !(status = try_once(L, s, 1))) {
    if (wp_now_ns() >= deadline) break;
    wp_word_wait(&s->free, 0, wp_slice_end(deadline));
    wp_shared_breathe(L);
  }
  lua_pushboolean(L, status != 0);
  if (status != WP_TAKEN_DIED) return 1;
  lua_pushliteral(L, "owner died");
  return 2;
}

static int release(lua_State *L) {
  wp_semaphore *s = check_semaphore(L);
  lua_Integer n = luaL_optinteger(L, 2, 1);
  luaL_argcheck(L, n >= 1 && n <= INT_MAX, 2, "a positive count expected");
  uint64_t me = identity(L);
  enter(L, s);
  int status = wp_semaphore_release(s, me, (uint32_t)n);
  leave(L, s);
  if (status < 0)
    return luaL_error(L, "Semaphore: release: more than %d permits", INT_MAX);
  return 0;
}

static int semaphore_value(lua_State *L) {
  lua_pushinteger(L, atomic_load(&check_semaphore(L)->free));
  return 1;
}

/* ---- Barrier ------------------------------------------------------------ */

static wp_barrier *check_barrier(lua_State *L) {
  return object(L, &barrier_kind);
}

static int new_barrier(lua_State *L) {
  size_t n = (size_t)luaL_checkinteger(L, 1);
  wp_barrier *b =
      made(L, &barrier_kind, sizeof(*b) + n * sizeof(wp_arrival));
  wp_lock_init(&b->lock);
  b->parties = (uint32_t)n;
  return 1;
}

/* 1: the phase had ended after all. */
static int withdraw(lua_State *L, wp_barrier *b, uint32_t place,
                    uint32_t phase) {
  (void)wp_shared_lock(L, &b->lock, WP_NEVER, "Barrier");
  int has_ended = atomic_load(&b->phase) != phase;
  if (!has_ended) wp_barrier_withdraw(b, place);
  wp_shared_unlock(L, &b->lock, "Barrier");
  return has_ended;
}

/* 1 when the phase ended, 0 at the deadline. What a hook raises while we
** sleep must not leave an arrival behind. */
static int sleep_through(lua_State *L, wp_barrier *b, uint32_t place,
                         uint32_t phase, uint64_t deadline) {
  while (atomic_load(&b->phase) == phase) {
    if (wp_now_ns() >= deadline) return withdraw(L, b, place, phase);
    wp_word_wait(&b->phase, phase, wp_slice_end(deadline));
    if (!wp_shared_interrupted(L)) continue;
    (void)withdraw(L, b, place, phase);
    lua_error(L);
  }
  return 1;
}

static int barrier_wait(lua_State *L) {
  uint32_t place = 0, number, phase;
  wp_barrier *b = check_barrier(L);
  uint64_t deadline = wp_shared_deadline(L, 2);
  uint64_t me = identity(L);
  (void)wp_shared_lock(L, &b->lock, WP_NEVER, "Barrier");
  phase = atomic_load(&b->phase);
  number = wp_barrier_arrive(b, me, &place);
  int has_ended = atomic_load(&b->phase) != phase;
  wp_shared_unlock(L, &b->lock, "Barrier");
  if (!has_ended && !sleep_through(L, b, place, phase, deadline)) {
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "timeout");
    return 2;
  }
  lua_pushinteger(L, number);
  return 1;
}

static int barrier_parties(lua_State *L) {
  lua_pushinteger(L, check_barrier(L)->parties);
  return 1;
}

static int barrier_waiting(lua_State *L) {
  wp_barrier *b = check_barrier(L);
  (void)wp_shared_lock(L, &b->lock, WP_NEVER, "Barrier");
  uint32_t n = wp_barrier_count(b);
  wp_shared_unlock(L, &b->lock, "Barrier");
  lua_pushinteger(L, n);
  return 1;
}

void wp_bind_shared_sync(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg functions[] = {{"shared_lock", new_lock},
                                       {"shared_event", new_event},
                                       {"shared_semaphore", new_semaphore},
                                       {"shared_barrier", new_barrier},
                                       {NULL, NULL}};
  static const luaL_Reg event[] = {{"set", event_set},
                                   {"clear", event_clear},
                                   {"is_set", event_is_set},
                                   {"wait", event_wait},
                                   {NULL, NULL}};
  static const luaL_Reg semaphore[] = {{"acquire", acquire},
                                       {"release", release},
                                       {"value", semaphore_value},
                                       {NULL, NULL}};
  static const luaL_Reg barrier[] = {{"wait", barrier_wait},
                                     {"parties", barrier_parties},
                                     {"waiting", barrier_waiting},
                                     {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  wp_shared_class(L, &lock_kind, none);
  wp_shared_add_methods(L, wp_shared_lock_methods);
  wp_shared_class(L, &event_kind, event);
  wp_shared_class(L, &semaphore_kind, semaphore);
  wp_shared_class(L, &barrier_kind, barrier);
  lua_pop(L, 4);
  wp_holder_on_destroy(WP_SHARED_LOCK, destroy_lock);
}
