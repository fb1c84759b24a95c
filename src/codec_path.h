/*
** Codec, path: where the encoder is, as a chain of C frames from the value
** up to the message. It costs a few stores; it becomes text only for an
** error.
*/
#ifndef WP_CODEC_PATH_H
#define WP_CODEC_PATH_H

#include <lua.h>

enum {
  WP_AT_ROOT,    /* name: the label, index: the position in the message */
  WP_AT_KEY,     /* index: where on the stack the key is */
  WP_AT_ITEM,    /* index: the key itself */
  WP_AT_INKEY,   /* what is written is the key */
  WP_AT_UPVALUE, /* name */
  WP_AT_PACKED   /* index: which result of __workerpool_pack */
};

typedef struct wp_place {
  const struct wp_place *up;
  const char *name;
  lua_Integer index;
  int kind;
} wp_place;

/* Raises "cannot send <path>: <reason>", the reason being the string on top
** of the stack. */
int wp_path_fail(lua_State *L, const wp_place *where);

#endif
