/*
** Bind: the C module workerpool.core, one file per Lua-visible object. A
** binding checks its arguments, calls one function, pushes the answer.
*/
#ifndef WP_BIND_H
#define WP_BIND_H

#include "workerpool.h"

#include <lua.h>

#define WP_ENGINE_NAME "workerpool.engine"
#define WP_LINK_NAME "workerpool.link"

/* Each adds its functions to the table on top of the stack. */
void wp_bind_engine(lua_State *L);
void wp_bind_worker(lua_State *L);
void wp_bind_task(lua_State *L);
void wp_bind_system(lua_State *L);

/* Pushes nil, message, status: how a failed system call is reported. */
int wp_push_failure(lua_State *L, int status);

/* Gives a worker a Lua face; pushes it. */
void wp_push_link(lua_State *L, wp_worker *worker);

WP_API int luaopen_workerpool_core(lua_State *L);

#endif
