/*
** Shared, layout: what the heap of shared objects holds. One memfd, mapped
** by every process of the tree, each where it likes:
**
**   header | a slot per process | entries of each slot | blocks
**
** What is *primary* is written with single stores: the blocks' headers, the
** top, the entries. What is *derived* (reference counts, free lists) is made
** anew from it when a process dies while it holds the heap's lock.
*/
#ifndef WP_SHARED_LAYOUT_H
#define WP_SHARED_LAYOUT_H

#include "layout.h"

#include <pthread.h>

#define WP_UNIT 64u /* blocks begin at multiples; offsets are counted in it */
/* Of sizes: four to each power of two, up to the address space of a heap. */
#define WP_CLASSES 136

/*
** A block: this header, then the object. Its size never changes, so that all
** blocks can be found by walking. A generation is used once; 0 says free.
*/
typedef struct wp_block {
  uint64_t size;          /* with this header, a multiple of WP_UNIT */
  wp_atomic64 generation;
  uint64_t asked;         /* bytes of the object */
  uint64_t next;          /* derived: the next of a list, in units */
  uint32_t type;
  uint32_t refs;          /* derived: entries that name this block */
  unsigned char rest[WP_UNIT - 40];
} wp_block;

/*
** A process that uses the heap. It is told from a later one with the same
** pid by the time of its birth. BORN: made by the parent just before a fork,
** so that what the parent drops in that moment stays there for the child.
*/
enum { WP_HOLDER_EMPTY, WP_HOLDER_BORN, WP_HOLDER_LIVE, WP_HOLDER_DEAD };

typedef struct wp_holder {
  wp_atomic32 state;
  wp_atomic32 pid;
  wp_atomic32 leases;   /* pools that it runs */
  uint32_t parent;      /* slot of the process that reads its results */
  wp_atomic64 identity; /* never used twice */
  wp_atomic64 born_ns;  /* CLOCK_BOOTTIME */
  uint32_t high;        /* entries [0, high) have been used */
  uint32_t free;        /* derived: index + 1 of a free entry */
  unsigned char rest[WP_CACHE_LINE - 40];
} wp_holder;

/*
** An entry is one reference: a block in units in its upper half and a mark in
** its lower half. Mark 0 is a handle in that process. Others are messages
** under way, and the mark tells one from the next in the same place:
*/
#define WP_MARK_RECEIVED 0x80000000u
#define WP_MARK_MANY 0x40000000u /* may be received by many, and again */
#define WP_MARK_OLD 0x20000000u  /* has been seen by a sweep */
#define WP_MARK_NUMBER 0x1fffffffu

/* Numbers of slots: of no process, with the references of what lies in queues
** and dicts; and one that there is not. */
#define WP_HOLDER_STORED 0u
#define WP_NO_HOLDER UINT32_MAX

typedef struct wp_heap {
  uint64_t magic;
  uint64_t id;
  uint64_t size;
  uint64_t slots_at, entries_at, blocks_at; /* offsets */
  uint32_t n_slots, n_entries;              /* entries of one slot */
  uint32_t slots_used;   /* slots at and behind it have never been used */
  wp_atomic64 top;       /* of the blocks, in units */
  uint64_t generation, identity; /* the last ones used */
  uint64_t scanned_ns;   /* when the dead were last looked for */
  uint32_t number;       /* the last mark */
  uint32_t n_kept;       /* blocks that nobody holds, but for their lock */
  wp_atomic32 repairs;
  pthread_mutex_t mutex; /* robust */
  uint64_t free[WP_CLASSES]; /* derived: heads of lists, in units */
} wp_heap;

static inline void *wp_heap_at(wp_heap *h, uint64_t unit) {
  return (unsigned char *)h + unit * WP_UNIT;
}

static inline wp_block *wp_heap_block(wp_heap *h, uint64_t unit) {
  return wp_heap_at(h, unit);
}

static inline uint64_t wp_heap_unit(const wp_heap *h, const void *at) {
  return (uint64_t)((const unsigned char *)at - (const unsigned char *)h) /
         WP_UNIT;
}

static inline wp_holder *wp_heap_slot(wp_heap *h, uint32_t slot) {
  void *at = (unsigned char *)h + h->slots_at;
  return (wp_holder *)at + slot;
}

static inline uint64_t *wp_heap_entries(wp_heap *h, uint32_t slot) {
  void *at = (unsigned char *)h + h->entries_at;
  return (uint64_t *)at + (size_t)slot * h->n_entries;
}

#endif
