/*
** Shared, blocks: see shared_block.h.
*/
#include "shared_block.h"

#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u
/* From here on, giving pages back is cheaper than filling them with zeros. */
#define LARGE (64u * 1024u)

static unsigned log2_of(uint64_t n) {
  return 63u - (unsigned)__builtin_clzll(n);
}

static unsigned class_of(uint64_t units) {
  unsigned log = log2_of(units);
  return log * 4 + (unsigned)((units << 2 >> log) & 3);
}

/* The largest size of the smallest class that holds so many units. */
static uint64_t rounded(uint64_t units) {
  unsigned log = log2_of(units);
  uint64_t step = log < 2 ? 1 : (uint64_t)1 << (log - 2);
  return (units + step - 1) / step * step;
}

static void push_free(wp_heap *h, wp_block *b) {
  uint64_t *head = &h->free[class_of(b->size / WP_UNIT)];
  b->next = *head;
  *head = wp_heap_unit(h, b);
}

static wp_block *pop_free(wp_heap *h, unsigned class) {
  uint64_t unit = h->free[class];
  if (!unit) return NULL;
  wp_block *b = wp_heap_block(h, unit);
  h->free[class] = b->next;
  return b;
}

/* Behind all others. The header comes first, then the top: whoever walks
** never meets a block without a size. */
static wp_block *push_top(wp_heap *h, uint64_t units) {
  uint64_t top = atomic_load(&h->top);
  if (units > h->size / WP_UNIT - top) return NULL;
  wp_block *b = wp_heap_block(h, top);
  b->size = units * WP_UNIT;
  atomic_store(&b->generation, 0);
  atomic_store(&h->top, top + units);
  return b;
}

static wp_block *find_room(wp_heap *h, uint64_t units) {
  unsigned class = class_of(units);
  wp_block *b = pop_free(h, class);
  if (!b) b = push_top(h, units);
  while (!b && ++class < WP_CLASSES) b = pop_free(h, class);
  return b;
}

wp_block *wp_block_alloc(wp_heap *h, uint32_t type, size_t size) {
  if (size > h->size) return NULL;
  wp_block *b =
      find_room(h, rounded((size + sizeof(wp_block) + WP_UNIT - 1) / WP_UNIT));
  if (!b) return NULL;
  b->type = type;
  b->asked = size;
  b->refs = 0;
  b->next = 0;
  atomic_store(&b->generation, ++h->generation);
  return b;
}

static void give_back(unsigned char *from, size_t size) {
  size_t ahead = (size_t)(-(uintptr_t)from & (PAGE - 1));
  size_t pages = (size - ahead) & ~(size_t)(PAGE - 1);
  if (madvise(from + ahead, pages, MADV_REMOVE) < 0) {
    memset(from, 0, size);
    return;
  }
  memset(from, 0, ahead);
  memset(from + ahead + pages, 0, size - ahead - pages);
}

/* Free blocks are filled with zeros, also where somebody wrote past what he
** had asked for in the last unit. */
void wp_block_free(wp_heap *h, wp_block *b) {
  size_t size = b->size - sizeof(*b);
  unsigned char *object = (unsigned char *)(b + 1);
  if (size < LARGE) memset(object, 0, size);
  else give_back(object, size);
  atomic_store(&b->generation, 0);
  push_free(h, b);
}

wp_block *wp_block_next(wp_heap *h, wp_block *b) {
  uint64_t unit = b ? wp_heap_unit(h, b) + b->size / WP_UNIT
                    : h->blocks_at / WP_UNIT;
  return unit < atomic_load(&h->top) ? wp_heap_block(h, unit) : NULL;
}

wp_block *wp_block_find(wp_heap *h, uint64_t unit, uint64_t generation) {
  if (unit < h->blocks_at / WP_UNIT || unit >= atomic_load(&h->top))
    return NULL;
  wp_block *b = wp_heap_block(h, unit);
  return generation && atomic_load(&b->generation) == generation ? b : NULL;
}

/* A block that died between its two zeroings is cleaned here. */
void wp_block_relist(wp_heap *h) {
  memset(h->free, 0, sizeof(h->free));
  for (wp_block *b = NULL; (b = wp_block_next(h, b));)
    if (atomic_load(&b->generation) == 0) push_free(h, b);
}
