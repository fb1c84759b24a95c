/*
** Bind, shared: see bind_shared.h. Here are also the functions about the heap
** as a whole:
**
**   core.shared_lease() -> lease   keeps the heap, for a pool
**   lease:close()
**   core.shared_address() -> text  for core.shared_join in another program
**   core.shared_join(text) -> true | nil, message
**   core.shared_figures() -> table
*/
#include "bind_shared.h"

#include "bind.h"
#include "bind_shared_value.h"
#include "codec.h"
#include "interrupt.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

/* ---- a userdata with a handle ------------------------------------------- */

wp_shared_ud *wp_shared_test(lua_State *L, int at) {
  wp_shared_ud *ud = lua_touserdata(L, at);
  if (lua_type(L, at) != LUA_TUSERDATA || lua_rawlen(L, at) < sizeof(*ud) ||
      ud->magic != WP_SHARED_MAGIC)
    return NULL;
  return ud;
}

void *wp_shared_check(lua_State *L, int at, const wp_shared_kind *kind) {
  wp_shared_ud *ud = wp_shared_test(L, at);
  if (!ud || ud->type != kind->type || lua_rawlen(L, at) != kind->size) {
    luaL_typeerror(L, at, kind->name);
    return NULL;
  }
  if (!ud->handle.object)
    luaL_error(L, "%s: the shared object is gone (nobody held it while it "
                  "was under way)", kind->name);
  return ud;
}

void *wp_shared_push(lua_State *L, const wp_shared_kind *kind) {
  wp_shared_ud *ud = lua_newuserdatauv(L, kind->size, 0);
  memset(ud, 0, kind->size);
  ud->magic = WP_SHARED_MAGIC;
  ud->type = kind->type;
  luaL_setmetatable(L, kind->name);
  return ud;
}

/* Lua does not see how much the garbage holds that it might collect. */
#define COLLECT_BYTES ((size_t)1 << 28)
static _Atomic size_t made_bytes;

static void collect_when_due(lua_State *L, size_t size) {
  if (atomic_fetch_add(&made_bytes, size) + size < COLLECT_BYTES) return;
  atomic_store(&made_bytes, 0);
  lua_gc(L, LUA_GCCOLLECT);
}

int wp_shared_made_room(lua_State *L, int status) {
  if (status != WP_EFULL && status != WP_EHANDLES) return 0;
  lua_gc(L, LUA_GCCOLLECT);
  return 1;
}

void wp_shared_make(lua_State *L, wp_shared_ud *ud, size_t size) {
  collect_when_due(L, size);
  int status = wp_shared_new(ud->type, size, &ud->handle);
  if (wp_shared_made_room(L, status))
    status = wp_shared_new(ud->type, size, &ud->handle);
  if (status == WP_EFULL)
    luaL_error(L, "no room for %I bytes of shared memory", (lua_Integer)size);
  if (status < 0)
    luaL_error(L, "cannot make shared memory: %s", wp_status_text(status));
}

static int collect(lua_State *L) {
  wp_shared_ud *ud = wp_shared_test(L, 1);
  if (ud) wp_shared_drop(&ud->handle);
  return 0;
}

/* ---- travelling --------------------------------------------------------- */

static _Thread_local wp_bytes *collected;

wp_bytes *wp_shared_collect(wp_bytes *list) {
  wp_bytes *before = collected;
  collected = list;
  return before;
}

static void push_ticket(lua_State *L, const wp_ticket *t) {
  lua_pushinteger(L, (lua_Integer)t->unit);
  lua_pushinteger(L, (lua_Integer)t->generation);
  lua_pushinteger(L, (lua_Integer)((uint64_t)t->slot << 32 | t->entry));
  lua_pushinteger(L, (lua_Integer)t->mark);
}

enum { TICKET_NUMBERS = 4 };

static wp_ticket read_ticket(lua_State *L) {
  uint64_t place = (uint64_t)luaL_checkinteger(L, 3);
  return (wp_ticket){.unit = (uint64_t)luaL_checkinteger(L, 1),
                     .generation = (uint64_t)luaL_checkinteger(L, 2),
                     .slot = (uint32_t)(place >> 32),
                     .entry = (uint32_t)place,
                     .mark = (uint32_t)luaL_checkinteger(L, 4)};
}

/* Nobody will receive what lay in a message that was not written. */
static void take_back(const void *tickets, size_t length) {
  wp_shared_forget(tickets, length / sizeof(wp_ticket));
}

static int send(lua_State *L, const wp_shared *handle, wp_ticket *t) {
  int status = wp_shared_send(handle, collected != NULL, t);
  return wp_shared_made_room(L, status)
             ? wp_shared_send(handle, collected != NULL, t)
             : status;
}

static int receive(lua_State *L, const wp_ticket *t, wp_shared_ud *ud) {
  int status = wp_shared_receive(t, ud->type, &ud->handle);
  return wp_shared_made_room(L, status)
             ? wp_shared_receive(t, ud->type, &ud->handle)
             : status;
}

/* Whoever sends the message is told of it, to forget it if that fails. */
static wp_ticket take_ticket(lua_State *L, const wp_shared *handle,
                             const char *name) {
  wp_ticket t;
  int room = collected ? wp_bytes_reserve(collected, sizeof(t)) : WP_OK;
  int status = room < 0 ? room : send(L, handle, &t);
  if (status < 0)
    luaL_error(L, "cannot send a %s: %s", name, wp_status_text(status));
  if (collected) {
    (void)wp_bytes_append(collected, &t, sizeof(t));
    return wp_stored_ticket(&t);
  }
  wp_codec_note_packed(&t, sizeof(t));
  return t;
}

/* What was gone when it came travels on as that. */
static int pack(lua_State *L) {
  const wp_shared_kind *kind = lua_touserdata(L, lua_upvalueindex(1));
  wp_ticket t = {0};
  wp_shared_ud *ud = wp_shared_test(L, 1);
  if (!ud || ud->type != kind->type)
    return luaL_typeerror(L, 1, kind->name);
  if (ud->handle.object) t = take_ticket(L, &ud->handle, kind->name);
  push_ticket(L, &t);
  return TICKET_NUMBERS + (kind->depart ? kind->depart(L, ud) : 0);
}

static int unpack(lua_State *L) {
  const wp_shared_kind *kind = lua_touserdata(L, lua_upvalueindex(1));
  wp_ticket t = read_ticket(L);
  wp_shared_ud *ud = wp_shared_push(L, kind);
  int status = receive(L, &t, ud);
  /* One that is gone is no error here: it may be among the arguments of a
  ** task that ran long ago. Whoever uses it is told. */
  if (status < 0 && status != WP_ECLOSED)
    return luaL_error(L, "cannot receive a %s: %s", kind->name,
                      wp_status_text(status));
  if (status == WP_OK && kind->arrive)
    kind->arrive(L, ud, TICKET_NUMBERS + 1);
  return 1;
}

/* Two handles of one object, and of views the same part: what a handle sends
** beside itself tells. */
static int same(lua_State *L) {
  const wp_shared_kind *kind = lua_touserdata(L, lua_upvalueindex(1));
  wp_shared_ud *a = wp_shared_test(L, 1), *b = wp_shared_test(L, 2);
  int equal = a && b && a->type == b->type && a->handle.object &&
              a->handle.object == b->handle.object;
  if (equal && kind->depart) {
    int n = kind->depart(L, a);
    (void)kind->depart(L, b);
    for (int i = -n; equal && i < 0; i++)
      equal = lua_rawequal(L, i, i - n);
  }
  lua_pushboolean(L, equal);
  return 1;
}

/* ---- classes ------------------------------------------------------------ */

/* stack: …, metatable, methods -> … */
static void add_methods(lua_State *L, const luaL_Reg *methods) {
  for (const luaL_Reg *m = methods; m->name; m++) {
    lua_pushcfunction(L, m->func);
    lua_setfield(L, strncmp(m->name, "__", 2) == 0 ? -3 : -2, m->name);
  }
}

void wp_shared_add_methods(lua_State *L, const luaL_Reg *methods) {
  lua_getfield(L, -1, "__index");
  add_methods(L, methods);
  lua_pop(L, 1);
}

/* stack: …, metatable -> …, metatable */
static void add_protocol(lua_State *L, const wp_shared_kind *kind) {
  /* The kinds are static and never written. */
  void *p = (void *)(uintptr_t)kind;
  lua_pushlightuserdata(L, p);
  lua_pushcclosure(L, pack, 1);
  lua_setfield(L, -2, "__workerpool_pack");
  lua_pushlightuserdata(L, p);
  lua_pushcclosure(L, unpack, 1);
  lua_setfield(L, -2, "__workerpool_unpack");
  lua_pushlightuserdata(L, p);
  lua_pushcclosure(L, same, 1);
  lua_setfield(L, -2, "__eq");
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
}

void wp_shared_class(lua_State *L, const wp_shared_kind *kind,
                     const luaL_Reg *methods) {
  luaL_newmetatable(L, kind->name);
  add_protocol(L, kind);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__index");
  add_methods(L, methods);
  lua_pop(L, 1);
}

/* ---- waiting ------------------------------------------------------------ */

uint64_t wp_shared_deadline(lua_State *L, int at) {
  if (lua_isnoneornil(L, at)) return WP_NEVER;
  lua_Number seconds = luaL_checknumber(L, at);
  luaL_argcheck(L, !isnan(seconds), at, "seconds expected, got nan");
  if (seconds <= 0) return 0;
  return seconds < 1e9 ? wp_now_ns() + (uint64_t)(seconds * 1e9) : WP_NEVER;
}

static int nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* A call, so that a hook set by a signal handler or by another thread runs:
** that is how Ctrl-C reaches a program in Lua. */
int wp_shared_interrupted(lua_State *L) {
  luaL_checkstack(L, 4, NULL);
  wp_follow_interrupt(L);
  lua_pushcfunction(L, nothing);
  return lua_pcall(L, 0, 0, 0) != LUA_OK;
}

void wp_shared_breathe(lua_State *L) {
  if (wp_shared_interrupted(L)) lua_error(L);
}

int wp_shared_lock(lua_State *L, wp_lock *lock, uint64_t deadline,
                   const char *what) {
  for (;;) {
    int status = wp_lock_take(lock, wp_slice_end(deadline));
    if (status >= 0) {
      wp_shared_pin(1);
      return status;
    }
    if (status == -EDEADLK)
      luaL_error(L, "%s: this process holds the lock already", what);
    if (status != -ETIMEDOUT)
      luaL_error(L, "%s: %s", what, wp_status_text(status));
    if (wp_now_ns() >= deadline) return status;
    wp_shared_breathe(L);
  }
}

void wp_shared_unlock(lua_State *L, wp_lock *lock, const char *what) {
  if (wp_lock_leave(lock) < 0)
    luaL_error(L, "%s: unlock without the lock", what);
  wp_shared_pin(-1);
}

/* The last handle may go while we have the lock; or while another has it that
** let its own handle go. */
int wp_shared_abandon(wp_lock *lock) {
  int status = wp_lock_abandon(lock);
  if (status == 1) wp_shared_pin(-1);
  return status >= 0;
}

/* ---- mistakes ----------------------------------------------------------- */

/* stack: … -> …, "file:line: " of the Lua function that is nearest */
static void push_position(lua_State *L) {
  lua_Debug ar;
  for (int level = 1; lua_getstack(L, level, &ar); level++) {
    (void)lua_getinfo(L, "Sl", &ar);
    if (ar.currentline <= 0) continue;
    lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
    return;
  }
  lua_pushliteral(L, "");
}

int wp_shared_fail(lua_State *L, const char *format, ...) {
  va_list args;
  va_start(args, format);
  push_position(L);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_concat(L, 2);
  return lua_error(L);
}

/* Want of memory is known by its text, which Lua gives no position either. */
static int is_plain_text(lua_State *L) {
  return lua_type(L, -1) == LUA_TSTRING &&
         strcmp(lua_tostring(L, -1), "not enough memory") != 0;
}

int wp_shared_fail_again(lua_State *L) {
  if (is_plain_text(L)) {
    push_position(L);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

void wp_shared_check_callable(lua_State *L, int at) {
  if (lua_isfunction(L, at)) return;
  if (luaL_getmetafield(L, at, "__call") == LUA_TNIL)
    luaL_typeerror(L, at, "function");
  lua_pop(L, 1);
}

/* ---- the heap ----------------------------------------------------------- */

#define LEASE_NAME "workerpool.shared_lease"

typedef struct lease {
  int is_open;
  unsigned process;
} lease;

/* Where there is no room for a heap, pools work without: whoever makes an
** object is told. */
static int new_lease(lua_State *L) {
  lease *l = lua_newuserdatauv(L, sizeof(*l), 0);
  *l = (lease){0};
  luaL_setmetatable(L, LEASE_NAME);
  l->is_open = wp_shared_lease(&l->process) == WP_OK;
  return 1;
}

static int close_lease(lua_State *L) {
  lease *l = luaL_checkudata(L, 1, LEASE_NAME);
  if (l->is_open) wp_shared_unlease(l->process);
  l->is_open = 0;
  return 0;
}

static int address(lua_State *L) {
  char text[128];
  int status = wp_shared_address(text, sizeof(text));
  if (status < 0) return wp_push_failure(L, status);
  lua_pushstring(L, text);
  return 1;
}

static int join(lua_State *L) {
  int status = wp_shared_join(luaL_checkstring(L, 1));
  if (status < 0) return wp_push_failure(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

static int figures(lua_State *L) {
  wp_shared_figures f;
  wp_shared_count(&f);
  lua_newtable(L);
  wp_set_integer(L, "objects", (lua_Integer)f.objects);
  wp_set_integer(L, "bytes", (lua_Integer)f.bytes);
  wp_set_integer(L, "handles", (lua_Integer)f.handles);
  wp_set_integer(L, "repairs", (lua_Integer)f.repairs);
  wp_set_integer(L, "address_space", (lua_Integer)f.address_space);
  return 1;
}

static void add_lease(lua_State *L) {
  luaL_newmetatable(L, LEASE_NAME);
  lua_pushcfunction(L, close_lease);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  lua_pushcfunction(L, close_lease);
  lua_setfield(L, -2, "close");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void wp_bind_shared(lua_State *L) {
  static const luaL_Reg functions[] = {{"shared_lease", new_lease},
                                       {"shared_address", address},
                                       {"shared_join", join},
                                       {"shared_figures", figures},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  wp_codec_on_undo(take_back);
  add_lease(L);
  wp_bind_shared_guard(L);
  wp_bind_shared_value(L);
  wp_bind_shared_array(L);
  wp_bind_shared_sync(L);
  wp_bind_shared_queue(L);
  wp_bind_shared_dict(L);
}
