/*
** Bind, shared: workerpool.Queue.
**
**   core.shared_queue(capacity, bytes) -> queue
**   q:put(v [, seconds]) -> true | false, "timeout" | raises when closed
**   q:get([seconds]) -> v | nil, "timeout" | nil, "closed"
**   q:try_put(v)   q:try_get()   #q   q:close()   q:is_closed()   q:deaths()
**   for v in q:each() do       until it is closed and empty
*/
#include "bind.h"
#include "bind_shared.h"
#include "bind_shared_value.h"
#include "shared_holder.h"
#include "shared_queue.h"

#include <errno.h>

static const wp_shared_kind queue_kind = {
    WP_SHARED_QUEUE, "workerpool.Queue", sizeof(wp_shared_ud), NULL, NULL};

static wp_shared_queue *check(lua_State *L, int at) {
  wp_shared_ud *ud = wp_shared_check(L, at, &queue_kind);
  return ud->handle.object;
}

static int new_queue(lua_State *L) {
  lua_Integer capacity = luaL_checkinteger(L, 1);
  lua_Integer bytes = luaL_checkinteger(L, 2);
  luaL_argcheck(L, capacity > 0 && bytes > 0, 1, "positive sizes expected");
  wp_shared_ud *ud = wp_shared_push(L, &queue_kind);
  wp_shared_make(L, ud, wp_shared_queue_size((uint64_t)capacity,
                                             (uint64_t)bytes));
  wp_shared_queue_init(ud->handle.object, (uint64_t)capacity, (uint64_t)bytes);
  return 1;
}

/* Whoever died in here had not published what it wrote, or it had: nothing
** is to be repaired. */
static void enter(lua_State *L, wp_shared_queue *q) {
  if (wp_shared_lock(L, &q->lock, WP_NEVER, "Queue") == WP_LOCK_OWNER_DIED)
    atomic_fetch_add(&q->deaths, 1);
}

static void leave(lua_State *L, wp_shared_queue *q) {
  wp_shared_unlock(L, &q->lock, "Queue");
}

/* Sleeps until the word moves on from `seen`; who changes it after that looks
** at `sleepers`. */
static void sleep_on(lua_State *L, wp_atomic32 *word, wp_atomic32 *sleepers,
                     uint32_t seen, uint64_t deadline) {
  atomic_fetch_add(sleepers, 1);
  wp_word_wait(word, seen, wp_slice_end(deadline));
  atomic_fetch_sub(sleepers, 1);
  wp_shared_breathe(L);
}

/* A sleeper that was killed leaves its count behind: that costs a call. */
static void wake(wp_atomic32 *word, const wp_atomic32 *sleepers, int n) {
  atomic_fetch_add(word, 1);
  if (atomic_load(sleepers)) (void)wp_word_wake(word, n);
}

/* ---- put ---------------------------------------------------------------- */

static int put_once(lua_State *L, wp_shared_queue *q, wp_box *box) {
  enter(L, q);
  int status =
      wp_shared_queue_put(q, box->bytes.data, box->bytes.len, &box->tickets);
  /* From here on the queue owns them. */
  if (status == WP_OK) box->is_owner = 0;
  leave(L, q);
  return status;
}

static int refuse(lua_State *L, const wp_shared_queue *q, int status,
                  const wp_box *box) {
  if (status == WP_ECLOSED)
    return luaL_error(L, "Queue: put: the queue is closed");
  if (status == -ENOMEM)
    return luaL_error(L, "Queue: put: too many handles in queues and dicts");
  return luaL_error(L, "Queue: put: a value of %I bytes; the queue has %I",
                    (lua_Integer)box->bytes.len, (lua_Integer)q->bytes);
}

/* stack: queue, value, …, box on top */
static int put_until(lua_State *L, wp_shared_queue *q, wp_box *box,
                     uint64_t deadline) {
  for (;;) {
    uint32_t seen = atomic_load(&q->n_taken);
    int status = put_once(L, q, box);
    if (status == WP_OK) break;
    if (status != WP_EFULL) return refuse(L, q, status, box);
    if (wp_now_ns() >= deadline) {
      wp_box_keep(L, -1);
      lua_pushboolean(L, 0);
      lua_pushstring(L, deadline ? "timeout" : "full");
      return 2;
    }
    sleep_on(L, &q->n_taken, &q->writers, seen, deadline);
  }
  wake(&q->n_put, &q->readers, 1);
  wp_box_keep(L, -1);
  lua_pushboolean(L, 1);
  return 1;
}

static int put_value(lua_State *L, uint64_t deadline) {
  wp_shared_queue *q = check(L, 1);
  luaL_argcheck(L, !lua_isnoneornil(L, 2), 2, "a queue cannot hold nil");
  wp_box *box = wp_box_push(L);
  wp_box_write(L, box, 2, "value");
  return put_until(L, q, box, deadline);
}

static int put(lua_State *L) {
  return put_value(L, wp_shared_deadline(L, 3));
}

static int try_put(lua_State *L) { return put_value(L, 0); }

/* ---- get ---------------------------------------------------------------- */

/* The box answers for the tickets until the handles have been made. */
static int get_once(lua_State *L, wp_shared_queue *q, wp_box *box) {
  enter(L, q);
  int status = wp_shared_queue_get(q, &box->bytes, &box->tickets);
  box->is_owner = status == WP_OK;
  leave(L, q);
  return status;
}

static int got(lua_State *L, wp_shared_queue *q, wp_box *box) {
  int at = lua_gettop(L);
  wake(&q->n_taken, &q->writers, 1);
  wp_value_push(L, box->bytes.data, box->bytes.len);
  wp_box_keep(L, at);
  return 1;
}

/* stack: …, box */
static int nothing(lua_State *L, const char *why) {
  wp_box_keep(L, -1);
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

static int get_until(lua_State *L, uint64_t deadline) {
  wp_shared_queue *q = check(L, 1);
  wp_box *box = wp_box_push(L);
  for (;;) {
    uint32_t seen = atomic_load(&q->n_put);
    int status = get_once(L, q, box);
    if (status == WP_OK) return got(L, q, box);
    if (status == WP_ECLOSED) return nothing(L, "closed");
    if (status != WP_EFULL) return luaL_error(L, "not enough memory");
    if (wp_now_ns() >= deadline)
      return nothing(L, deadline ? "timeout" : "empty");
    sleep_on(L, &q->n_put, &q->readers, seen, deadline);
  }
}

static int get(lua_State *L) {
  return get_until(L, wp_shared_deadline(L, 2));
}

static int try_get(lua_State *L) { return get_until(L, 0); }

static int next_value(lua_State *L) { return get_until(L, WP_NEVER); }

static int each(lua_State *L) {
  (void)check(L, 1);
  lua_pushcfunction(L, next_value);
  lua_pushvalue(L, 1);
  return 2;
}

/* ---- the rest ----------------------------------------------------------- */

static int count(lua_State *L) {
  wp_shared_queue *q = check(L, 1);
  uint64_t head = atomic_load(&q->head);
  lua_pushinteger(L, (lua_Integer)(atomic_load(&q->tail) - head));
  return 1;
}

static int close_queue(lua_State *L) {
  wp_shared_queue *q = check(L, 1);
  enter(L, q);
  atomic_store(&q->is_closed, 1);
  leave(L, q);
  wake(&q->n_put, &q->readers, INT_MAX);
  wake(&q->n_taken, &q->writers, INT_MAX);
  return 0;
}

static int is_closed(lua_State *L) {
  lua_pushboolean(L, atomic_load(&check(L, 1)->is_closed) != 0);
  return 1;
}

static int deaths(lua_State *L) {
  lua_pushinteger(L, atomic_load(&check(L, 1)->deaths));
  return 1;
}

static int capacity(lua_State *L) {
  wp_shared_queue *q = check(L, 1);
  lua_pushinteger(L, (lua_Integer)q->capacity);
  lua_pushinteger(L, (lua_Integer)q->bytes);
  return 2;
}

void wp_bind_shared_queue(lua_State *L) {
  static const luaL_Reg functions[] = {{"shared_queue", new_queue},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"put", put},         {"get", get},
      {"try_put", try_put}, {"try_get", try_get},
      {"each", each},       {"close", close_queue},
      {"is_closed", is_closed}, {"deaths", deaths},
      {"capacity", capacity},   {"__len", count},
      {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  wp_shared_class(L, &queue_kind, methods);
  lua_pop(L, 1);
  wp_holder_on_destroy(WP_SHARED_QUEUE, wp_shared_queue_destroy);
}
