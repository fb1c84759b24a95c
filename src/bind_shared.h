/*
** Bind, shared: what the bindings of all shared objects have in common:
** a userdata that owns a handle, how it travels, and how it waits.
*/
#ifndef WP_BIND_SHARED_H
#define WP_BIND_SHARED_H

#include "shared_heap.h"
#include "shared_lock.h"

#include <lauxlib.h>
#include <lua.h>

/* Every userdata of a shared object begins with this. */
typedef struct wp_shared_ud {
  uint32_t magic, type;
  wp_shared handle; /* no object: dropped, or gone before it arrived */
} wp_shared_ud;

#define WP_SHARED_MAGIC 0x57505348u

/* A kind of object: its metatable is called `name`. `size` is the userdata's,
** and `arrive` completes it when the handle has been received: stack position
** `extra` on holds what `depart` has put into the message (it returns how
** many). Both may be NULL. */
typedef struct wp_shared_kind {
  uint32_t type;
  const char *name; /* "workerpool.Array" */
  size_t size;
  int (*depart)(lua_State *L, wp_shared_ud *ud);
  void (*arrive)(lua_State *L, wp_shared_ud *ud, int extra);
} wp_shared_kind;

/* stack: … -> …, metatable, with the methods in its __index. A method named
** __something goes into the metatable itself. */
void wp_shared_class(lua_State *L, const wp_shared_kind *kind,
                     const luaL_Reg *methods);

/* Pushes a userdata without a handle, then gives it one: owner first. */
void *wp_shared_push(lua_State *L, const wp_shared_kind *kind);
void wp_shared_make(lua_State *L, wp_shared_ud *ud, size_t size);

/* What is garbage takes room until it is collected, and Lua knows only a few
** bytes of it: when `status` is a want of room, collects, and says 1: it is
** worth another try. */
int wp_shared_made_room(lua_State *L, int status);

/* The userdata at `at`, alive, or an argument error. */
void *wp_shared_check(lua_State *L, int at, const wp_shared_kind *kind);

/* nil or none: never; else seconds from now. */
uint64_t wp_shared_deadline(lua_State *L, int at);

/* Lets hooks run: 0, or 1 with an error on the stack. */
int wp_shared_interrupted(lua_State *L);
void wp_shared_breathe(lua_State *L); /* the same, and raises it */

/* As luaL_error, which knows the caller's line only where Lua has called the
** C function itself; this one also in a protected call under a lock. */
int wp_shared_fail(lua_State *L, const char *format, ...);
/* stack: …, error -> raises it; a text that has come without it gets the
** caller's line. */
int wp_shared_fail_again(lua_State *L);
/* An argument error unless it can be called. */
void wp_shared_check_callable(lua_State *L, int at);

/* Takes a lock with Lua's hooks running: 0, WP_LOCK_OWNER_DIED, or
** -ETIMEDOUT. A lock that this thread has already is an error that says
** `what`. Unlocking one that it has not, too. */
int wp_shared_lock(lua_State *L, wp_lock *lock, uint64_t deadline,
                   const char *what);
void wp_shared_unlock(lua_State *L, wp_lock *lock, const char *what);
/* Of an object that is to go: 0 when it has to stay for its lock's sake. */
int wp_shared_abandon(wp_lock *lock);

/* lock, try_lock, unlock, with_lock, guard, for arrays, values and locks. */
extern const luaL_Reg wp_shared_lock_methods[];
/* stack: …, class -> …, class: adds them. */
void wp_shared_add_methods(lua_State *L, const luaL_Reg *methods);
void wp_bind_shared_guard(lua_State *L);
/* Any shared object at `at`, or NULL. */
wp_shared_ud *wp_shared_test(lua_State *L, int at);

/* Values in queues and dicts. Their handles are collected while `list` is
** set: tickets to be forgotten with the message. Returns the one before. */
wp_bytes *wp_shared_collect(wp_bytes *list);

void wp_bind_shared_array(lua_State *L);
void wp_bind_shared_sync(lua_State *L);
void wp_bind_shared_queue(lua_State *L);
void wp_bind_shared_dict(lua_State *L);

#endif
