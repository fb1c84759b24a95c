/*
** Arena: blocks of the shared region for payloads and jobs. Only the host
** allocates and frees, so the bookkeeping is its private memory and no
** worker can spoil it. Sizes are rounded up to powers of two: the region is
** sparse, so what is not touched is not there.
*/
#ifndef WP_ARENA_H
#define WP_ARENA_H

#include "base.h"

#define WP_ARENA_CLASSES 48

typedef struct wp_arena {
  unsigned char *base;
  size_t size;
  size_t used;      /* everything from here on was never handed out */
  size_t kept;      /* bytes of large free blocks whose pages we keep */
  wp_bytes warm[WP_ARENA_CLASSES]; /* offsets of free blocks, by class */
  wp_bytes cold[WP_ARENA_CLASSES]; /* same, pages given back */
} wp_arena;

/* Blocks are of base[0 … size); deinit frees the bookkeeping alone. */
void wp_arena_init(wp_arena *a, unsigned char *base, size_t size);
void wp_arena_deinit(wp_arena *a);

/* A block of at least `length` bytes: 0, WP_EFULL or -ENOMEM. */
int wp_arena_take(wp_arena *a, size_t length, uint64_t *offset);
/* `length` as it was taken with. Never fails. */
void wp_arena_give(wp_arena *a, uint64_t offset, size_t length);

#endif
