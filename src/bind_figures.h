/*
** Bind, figures: what the bindings of engine, worker and task share.
*/
#ifndef WP_BIND_FIGURES_H
#define WP_BIND_FIGURES_H

#include "figures.h"

#include <lua.h>

typedef struct wp_parcel_bytes {
  const unsigned char *data;
  size_t length;
  uint32_t skip;
} wp_parcel_bytes;

/* Adds to the table on top of the stack. */
void wp_bind_figures(lua_State *L);

/* Pushes a reading. */
void wp_push_figures(lua_State *L, const wp_figures *f);

/* Draws the arguments of the parcel's tasks that are among the longest. Stack
** index `codec`: a codec to read them with; above it a function that gets
** them and returns a text. */
void wp_describe_longest(lua_State *L, wp_laps *l,
                         const wp_parcel_bytes *parcel, int codec);

/* A list of the tasks of the parcel that comes, on top of the stack, which
** keeps it alive; ends that and pushes the list as bytes. */
void wp_begin_log(lua_State *L, wp_laps *l, uint32_t count);
void wp_push_log(lua_State *L, wp_laps *l);

/* The stop-watch of core.figures() at a stack index; NULL for nil. */
wp_laps *wp_figures_laps(lua_State *L, int index);

#endif
