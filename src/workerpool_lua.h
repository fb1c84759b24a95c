/*
** workerpool_lua: part 3 of the C interface, Lua on top. For programs that
** have a lua_State: open the module in it without any file, and run Lua
** functions in worker processes from C, without ever waiting for them.
**
**   lua_State *L = luaL_newstate();
**   luaL_openlibs(L);
**   wp_lua_preload(L);                       // require "workerpool" works now
**   wp_lua_pool_open(L, 4);                  // a pool, on the stack
**   lua_getglobal(L, "square");              // a Lua function
**   lua_pushinteger(L, 12);
**   wp_lua_submit(L, -3, 1);                 // a result-to-be, on the stack
**   … each frame: wp_lua_poll(L, pool, 0) …
**   if (wp_lua_take(L, -1, &n) == LUA_OK) …  // the n results, on the stack
**
** No call waits, but for wp_lua_pool_close, wp_lua_cancel, and a poll with
** seconds to spend. None raises, but for want of memory for the stack. Each
** says what it takes from the stack and leaves there, as in Lua's manual:
** [-pops, +pushes]. A call that fails pushes one value instead, the error: a
** string for wrong use, a workerpool.TaskError (a table whose tostring reads
** well) for a failed task.
**
** The pool is an ordinary Lua object: what has no function here is a method
** call away. It belongs to the state, and is terminated when it is collected.
*/
#ifndef WORKERPOOL_LUA_H
#define WORKERPOOL_LUA_H

#include "workerpool.h"

#ifdef __cplusplus
extern "C" {
#endif

#include <lua.h> /* in here, for it says nothing of C++; lua.hpp may follow */

/* ---- the module --------------------------------------------------------- */

/* As a lua_CFunction: gives `require "workerpool"` and all its parts to this
** state, from sources that are compiled in, and returns the module. */
WP_API int luaopen_workerpool(lua_State *L);

/* The same, for the parts alone: nothing is loaded before somebody requires
** it. May raise when memory runs out. [-0, +0] */
WP_API void wp_lua_preload(lua_State *L);

/* ---- a pool ------------------------------------------------------------- */

/* Opens a pool of n_jobs workers (0: none, tasks run in this process; below
** 0: one a CPU). The state needs the standard libraries. LUA_OK and the pool,
** or another status and the error. [-0, +1] */
WP_API int wp_lua_pool_open(lua_State *L, int n_jobs);

/* The same with a table of options, such as {start_method = "spawn"}, which
** it takes from the top of the stack. [-1, +1] */
WP_API int wp_lua_pool_open_with(lua_State *L);

/* Sends a task: on the stack are a function and its nargs arguments. LUA_OK
** and the result-to-be, or another status and the error: something among the
** arguments cannot travel, say. [-(nargs + 1), +1] */
WP_API int wp_lua_submit(lua_State *L, int pool, int nargs);

/* Handles what workers have sent, for at most `seconds`; with 0 it only looks
** and is meant to be called in every frame. Returns the number of tasks that
** it has found to be over, or -1 and the error. Every other call that touches
** the pool handles some as well, so do not count on adding these numbers up:
** ask the results. [-0, +(0|1)] */
WP_API int wp_lua_poll(lua_State *L, int pool, double seconds);

/* Readable when wp_lua_poll has something to do, for poll(2) and its kin; -1
** while no worker has been started. It is the pool's: never close it, and
** ask again after wp_lua_pool_close. [-0, +0] */
WP_API int wp_lua_fileno(lua_State *L, int pool);

/* Finishes what was submitted and ends the workers: waits. LUA_OK, or another
** status and the error. Used again, a pool starts anew. [-0, +(0|1)] */
WP_API int wp_lua_pool_close(lua_State *L, int pool);

/* ---- a result ----------------------------------------------------------- */

/* What wp_lua_take says of a task that is not over. No status of Lua's. */
#define WP_LUA_PENDING (-1)

/* The results of a task. LUA_OK, *nresults and as many values; WP_LUA_PENDING
** and nothing; or another status and the task's error. May be asked again.
** [-0, +(nresults|0|1)] */
WP_API int wp_lua_take(lua_State *L, int result, int *nresults);

/* Takes a task back: 1 when it will not be completed (its result is an error
** of the kind "cancelled" now), 0 when it is over already, -1 and the
** error. One that runs is stopped together with its worker. [-0, +(0|1)] */
WP_API int wp_lua_cancel(lua_State *L, int result);

#ifdef __cplusplus
}
#endif

#endif
