/*
** Shared, blocks: the allocator of the shared heap. Blocks of a size class
** share a free list; there are four classes to each power of two. Sizes are
** of address space: pages come when they are touched, and those of a large
** block go when it is freed. All calls are made under the heap's lock.
*/
#ifndef WP_SHARED_BLOCK_H
#define WP_SHARED_BLOCK_H

#include "shared_layout.h"

/* A block of `size` zero bytes with a generation of its own, or NULL. */
wp_block *wp_block_alloc(wp_heap *h, uint32_t type, size_t size);

/* It keeps its size; its bytes become zero. */
void wp_block_free(wp_heap *h, wp_block *b);

/* The block after `b` (NULL: the first), or NULL. */
wp_block *wp_block_next(wp_heap *h, wp_block *b);

/* The block at `unit` when it has this generation, or NULL. */
wp_block *wp_block_find(wp_heap *h, uint64_t unit, uint64_t generation);

/* Makes the free lists anew. */
void wp_block_relist(wp_heap *h);

#endif
