/*
** Bind, shared keys: a dict's key as bytes: a tag and eight bytes for a number,
** a tag and itself for a string.
*/
#ifndef WP_BIND_SHARED_KEY_H
#define WP_BIND_SHARED_KEY_H

#include "shared_dict.h"

#include <lua.h>

/* Short ones lie here, so that most uses need no memory. */
typedef struct wp_key {
  unsigned char place[64];
  wp_span span;
  uint64_t hash;
} wp_key;

/* The key at `at`, or an error. stack: … -> …, what keeps the key's bytes */
void wp_key_check(lua_State *L, int at, wp_key *k);

#endif
