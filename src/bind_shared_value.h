/*
** Bind, shared values: what queues and dicts hold. A value becomes bytes: a
** tag and its eight bytes for a number, a tag and itself for a string, else a
** message of the codec. Handles in it are listed beside, as tickets.
*/
#ifndef WP_BIND_SHARED_VALUE_H
#define WP_BIND_SHARED_VALUE_H

#include "base.h"

#include <lua.h>

enum {
  WP_VALUE_FALSE = 'n',
  WP_VALUE_TRUE = 'y',
  WP_VALUE_INTEGER = 'i',
  WP_VALUE_FLOAT = 'f',
  WP_VALUE_STRING = 's',
  WP_VALUE_MESSAGE = 'm'
};

/*
** A box is a userdata with buffers, and holds tickets which nobody has taken
** over yet; these are forgotten when it is emptied or collected. Each Lua
** state has one for every depth of use; wp_box_push takes one from the
** state's store, wp_box_keep puts it back.
*/
typedef struct wp_box {
  wp_bytes bytes;
  wp_bytes tickets;
  int is_owner; /* of the tickets */
} wp_box;

/* Pushes a box onto the stack. */
wp_box *wp_box_push(lua_State *L);
/* stack: box at `at`: done with, for the next who needs one. */
void wp_box_keep(lua_State *L, int at);

/* A number as a value: its tag and eight bytes. */
#define WP_VALUE_NUMBER 9
void wp_value_of_number(lua_State *L, int at,
                        unsigned char to[WP_VALUE_NUMBER]);

/* Writes the value at `at`; `label` names it in errors. */
void wp_box_write(lua_State *L, wp_box *box, int at, const char *label);

/* Pushes what the bytes stand for. */
void wp_value_push(lua_State *L, const unsigned char *data, size_t length);

void wp_bind_shared_value(lua_State *L);

#endif
