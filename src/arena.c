/*
** Arena: see arena.h.
*/
#include "arena.h"

#include "shm.h"

#include <errno.h>
#include <string.h>

#define SMALLEST_CLASS 6u         /* 64 bytes, a cache line */
#define LARGE ((size_t)1 << 20)   /* from here on, pages may be given back */
#define KEEP ((size_t)1 << 28)    /* warm pages cost less than fresh ones:
                                     a page fault is dearer than its copy */

static unsigned class_of(size_t length) {
  unsigned c = SMALLEST_CLASS;
  while (((size_t)1 << c) < length) c++;
  return c;
}

void wp_arena_init(wp_arena *a, unsigned char *base, size_t size) {
  *a = (wp_arena){.base = base, .size = size};
}

void wp_arena_deinit(wp_arena *a) {
  for (unsigned c = 0; c < WP_ARENA_CLASSES; c++) {
    wp_bytes_free(&a->warm[c]);
    wp_bytes_free(&a->cold[c]);
  }
}

static int pop(wp_bytes *stack, uint64_t *offset) {
  if (stack->len == 0) return 0;
  stack->len -= sizeof(*offset);
  memcpy(offset, stack->data + stack->len, sizeof(*offset));
  return 1;
}

static int take_fresh(wp_arena *a, size_t block, uint64_t *offset) {
  if (block > a->size - a->used) return WP_EFULL;
  *offset = a->used;
  a->used += block;
  return WP_OK;
}

int wp_arena_take(wp_arena *a, size_t length, uint64_t *offset) {
  if (length > a->size) return WP_ETOOBIG;
  unsigned c = class_of(length);
  size_t block = (size_t)1 << c;
  if (pop(&a->warm[c], offset)) {
    if (block >= LARGE) a->kept -= block;
    return WP_OK;
  }
  if (pop(&a->cold[c], offset)) return WP_OK;
  /* Room on the free list is made here, where failing is allowed. */
  int status = wp_bytes_reserve(&a->warm[c], sizeof(*offset));
  if (status == WP_OK) status = wp_bytes_reserve(&a->cold[c], sizeof(*offset));
  return status == WP_OK ? take_fresh(a, block, offset) : status;
}

void wp_arena_give(wp_arena *a, uint64_t offset, size_t length) {
  unsigned c = class_of(length);
  size_t block = (size_t)1 << c;
  wp_bytes *stack = &a->warm[c];
  if (block >= LARGE && a->kept + block > KEEP) {
    wp_shm_discard(a->base + offset, block);
    stack = &a->cold[c];
  } else if (block >= LARGE) {
    a->kept += block;
  }
  /* A list that cannot grow loses the block's address space, no memory that
  ** matters: the region goes with the pool. */
  (void)wp_bytes_append(stack, &offset, sizeof(offset));
}
