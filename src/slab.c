/*
** Slab: see slab.h. Address space is reserved once: [table of spans | spans],
** and becomes memory piece by piece, so that a limit on a process's data
** (RLIMIT_DATA) counts what there is and not what there might be.
*/
#include "slab.h"

#include "shm.h"
#include "slab_asan.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define MOST_SPACE ((size_t)1 << 36)
#define LEAST_SPACE ((size_t)1 << 30)
#define SPAN_BYTES ((size_t)1 << 16)
#define STEP_BYTES ((size_t)1 << 21) /* of which address space is made usable */
/* From here on in huge pages: a fork then copies a page table of a 500th of
** the size, and what a child writes to is still copied in small pages. */
#define HUGE_FROM ((size_t)1 << 25)
/* The same for single blocks: a string of 100 MB is made in a fifth of the
** time. */
#define IN_HUGE_PAGES ((size_t)1 << 22)
/* Empty spans that keep their pages for the next use: so many, or half of all,
** but not half of what a child has inherited. */
#define LEAST_KEPT 256u

/* Sizes: steps of 8 up to 128, then four to each power of two. */
#define FINE_BYTES 128u
#define FINE_CLASSES (FINE_BYTES / 8)
#define CLASSES (FINE_CLASSES + 4 * 5)

typedef struct span {
  void *free;        /* blocks that have been used before */
  unsigned char *fresh; /* bytes from here on have never been used */
  unsigned char *last;  /* where the last block begins */
  uint32_t live;     /* blocks in use */
  uint32_t epoch;    /* of the slab when the span was taken into use */
  uint8_t class;
  uint8_t is_listed;  /* in `open` of its class: it has room, for our epoch */
  uint8_t is_kept;    /* empty, and has pages */
  struct span *next, *previous; /* in `open`, or in `empty` */
} span;

struct wp_slab {
  unsigned char *base;   /* of the spans */
  size_t end;            /* of those that there have been */
  size_t n_spans;        /* that there have been */
  size_t most_spans;
  span *table;
  size_t table_usable, spans_usable; /* bytes */
  uint32_t epoch;        /* grows with each seal */
  uint32_t birth;        /* spans of an earlier epoch are inherited */
  span *open[CLASSES];   /* spans with room */
  span *empty;
  unsigned n_kept;
  size_t n_busy;         /* spans with blocks in use */
  wp_alloc_fn behind;
  void *ud;
  unsigned char *space;
  size_t space_bytes;
  int is_holding;          /* see wp_slab_hold */
  void *held;
  size_t held_size;
  _Atomic int is_idle;     /* its state has been closed */
  wp_slab *next_slab;      /* in `all_slabs` */
  uint8_t class_of[WP_SLAB_LARGEST / 8 + 1]; /* by (size + 7) / 8 */
  uint16_t size_of[CLASSES];
};

static _Atomic(wp_slab *) all_slabs;

/* ---- spans -------------------------------------------------------------- */

static unsigned char *data_of(const wp_slab *s, const span *p) {
  return s->base + (size_t)(p - s->table) * SPAN_BYTES;
}

static int is_ours(const wp_slab *s, const void *block) {
  return (size_t)((const unsigned char *)block - s->base) < s->end;
}

static span *span_of(const wp_slab *s, const void *block) {
  return &s->table[(size_t)((const unsigned char *)block - s->base) /
                   SPAN_BYTES];
}

static inline int has_room(const span *p) {
  return p->free || p->fresh <= p->last;
}

static void list(wp_slab *s, span *p) {
  span *first = s->open[p->class];
  p->previous = NULL;
  p->next = first;
  if (first) first->previous = p;
  s->open[p->class] = p;
  p->is_listed = 1;
}

static void unlist(wp_slab *s, span *p) {
  if (p->next) p->next->previous = p->previous;
  if (p->previous) p->previous->next = p->next;
  else s->open[p->class] = p->next;
  p->is_listed = 0;
}

/* Makes [at, at + need) usable, in large steps: *usable bytes are already. */
static int make_usable(unsigned char *at, size_t *usable, size_t need) {
  if (need <= *usable) return 1;
  size_t bytes = (need + STEP_BYTES - 1) & ~(STEP_BYTES - 1);
  if (mprotect(at + *usable, bytes - *usable, PROT_READ | PROT_WRITE) < 0)
    return 0;
  *usable = bytes;
  return 1;
}

/* The table of all spans that there might be, and the spans. */
static int reserve(wp_slab *s) {
  size_t bytes = MOST_SPACE;
  while (!(s->space = wp_shm_reserve(bytes)) && bytes > LEAST_SPACE)
    bytes /= 4;
  if (!s->space) return 0;
  s->space_bytes = bytes;
  ADD_ROOTS(s->space, bytes);
  s->most_spans = (bytes - 2 * STEP_BYTES) / (SPAN_BYTES + sizeof(span));
  uintptr_t base = (uintptr_t)s->space + s->most_spans * sizeof(span);
  s->table = (span *)(void *)s->space;
  s->base = (unsigned char *)((base + STEP_BYTES) & ~(STEP_BYTES - 1));
  return 1;
}

static span *new_span(wp_slab *s) {
  size_t n = s->n_spans + 1;
  if ((!s->space && !reserve(s)) || n > s->most_spans ||
      !make_usable((unsigned char *)s->table, &s->table_usable,
                   n * sizeof(span)) ||
      !make_usable(s->base, &s->spans_usable, n * SPAN_BYTES))
    return NULL;
  if (n * SPAN_BYTES > HUGE_FROM && n * SPAN_BYTES % STEP_BYTES == SPAN_BYTES)
    (void)madvise(s->base + s->end, STEP_BYTES, MADV_HUGEPAGE);
  s->n_spans = n;
  s->end = n * SPAN_BYTES;
  return &s->table[n - 1];
}

static span *reuse_span(wp_slab *s) {
  span *p = s->empty;
  s->empty = p->next;
  s->n_kept -= p->is_kept;
  return p;
}

static span *open_span(wp_slab *s, unsigned class) {
  span *p = s->empty ? reuse_span(s) : new_span(s);
  if (!p) return NULL;
  unsigned char *data = data_of(s, p);
  *p = (span){.epoch = s->epoch,
              .class = (uint8_t)class,
              .fresh = data,
              .last = data + SPAN_BYTES - s->size_of[class]};
  FORBID(data, SPAN_BYTES);
  list(s, p);
  return p;
}

static void discard(wp_slab *s, span *p) {
  unsigned char *data = data_of(s, p);
  ALLOW(data, SPAN_BYTES);
  (void)madvise(data, SPAN_BYTES, MADV_DONTNEED);
  s->n_kept -= p->is_kept;
  p->is_kept = 0;
}

static int has_kept_enough(const wp_slab *s) {
  return s->n_kept > LEAST_KEPT && (s->birth || s->n_kept > s->n_spans / 2);
}

static void close_span(wp_slab *s, span *p) {
  if (p->is_listed) unlist(s, p);
  p->next = s->empty;
  s->empty = p;
  p->is_kept = 1;
  s->n_kept++;
  if (has_kept_enough(s)) discard(s, p);
}

/* The state has been closed, or nearly: it may still free blocks of the
** allocator behind. */
static void release(wp_slab *s) {
  ALLOW(s->base, s->spans_usable);
  REMOVE_ROOTS(s->space, s->space_bytes);
  wp_shm_unmap(s->space, s->space_bytes);
  s->space = s->base = NULL;
  s->space_bytes = s->n_spans = s->end = 0;
  s->table_usable = s->spans_usable = 0;
  s->empty = NULL;
  s->n_kept = 0;
  memset(s->open, 0, sizeof(s->open));
}

void wp_slab_retire(wp_slab *s) {
  if (!s->space) atomic_store(&s->is_idle, 1);
}

/* ---- blocks ------------------------------------------------------------- */

/* Of a span that has room. This is called for everything that Lua makes. */
static inline void *take(wp_slab *s, span *p) {
  void *block = p->free;
  if (block) {
    ALLOW(block, s->size_of[p->class]);
    memcpy(&p->free, block, sizeof(p->free));
  } else {
    block = p->fresh;
    ALLOW(block, s->size_of[p->class]);
    p->fresh += s->size_of[p->class];
  }
  if (p->live++ == 0) s->n_busy++;
  if (!has_room(p)) unlist(s, p);
  return block;
}

static void *take_anywhere(wp_slab *s, unsigned class) {
  span *p = s->open[class];
  if (!p) p = open_span(s, class);
  return p ? take(s, p) : NULL;
}

/* The last open span of its size stays, for the next block is likely soon. */
static int is_last_open(const wp_slab *s, const span *p) {
  return s->open[p->class] == p && !p->next;
}

static void became_empty(wp_slab *s, span *p) {
  if (!is_last_open(s, p)) close_span(s, p);
  if (--s->n_busy == 0) release(s);
}

static inline void give(wp_slab *s, void *block) {
  span *p = span_of(s, block);
  if (!p->is_listed) {
    if (p->epoch < s->birth) return;
    if (p->epoch == s->epoch) list(s, p);
  }
  memcpy(block, &p->free, sizeof(p->free));
  p->free = block;
  FORBID(block, s->size_of[p->class]);
  if (--p->live == 0) became_empty(s, p);
}

/* ---- huge blocks ------------------------------------------------------- */

void wp_slab_hold(wp_slab *s) { s->is_holding = 1; }

/* In the place of what has been held until now. */
static void hold(wp_slab *s, void *block, size_t size) {
  if (s->held) (void)s->behind(s->ud, s->held, s->held_size, 0);
  s->held = block;
  s->held_size = size;
}

void wp_slab_let_go(wp_slab *s) {
  s->is_holding = 0;
  hold(s, NULL, 0);
}

/* Instead of freeing it: 1 when it is held. */
static int hold_back(wp_slab *s, void *block, size_t size) {
  if (!s->is_holding || size < IN_HUGE_PAGES || size <= s->held_size) return 0;
  hold(s, block, size);
  return 1;
}

/* Made smaller it stays where it is. */
static void *take_held(wp_slab *s, size_t size) {
  if (size < IN_HUGE_PAGES || size > s->held_size) return NULL;
  void *block = s->behind(s->ud, s->held, s->held_size, size);
  if (!block) return NULL;
  s->held = NULL;
  s->held_size = 0;
  return block;
}

/* ---- blocks of any size -------------------------------------------------- */

/* Where memory is wanted nothing is held. */
static void *ask_behind(wp_slab *s, void *block, size_t old_size,
                        size_t size) {
  void *got = s->behind(s->ud, block, old_size, size);
  if (got || !s->is_holding) return got;
  wp_slab_let_go(s);
  return s->behind(s->ud, block, old_size, size);
}

/* Of the allocator behind. */
static void *large_block(wp_slab *s, void *block, size_t old_size,
                         size_t size) {
  block = ask_behind(s, block, old_size, size);
  if (block && size >= IN_HUGE_PAGES) wp_shm_in_huge_pages(block, size);
  return block;
}

static void *new_block(wp_slab *s, size_t size) {
  void *block = NULL;
  if (size <= WP_SLAB_LARGEST)
    block = take_anywhere(s, s->class_of[(size + 7) / 8]);
  else if (s->held)
    block = take_held(s, size);
  return block ? block : large_block(s, NULL, 0, size);
}

static void free_block(wp_slab *s, void *block, size_t size) {
  if (is_ours(s, block)) give(s, block);
  else if (!hold_back(s, block, size)) (void)s->behind(s->ud, block, size, 0);
}

/* Its size in the slab is that of its class; Lua knows how much it uses. */
static int fits(const wp_slab *s, const void *block, size_t size) {
  return is_ours(s, block) && size <= WP_SLAB_LARGEST &&
         span_of(s, block)->class == s->class_of[(size + 7) / 8];
}

static __attribute__((noinline)) void *realloc_any(wp_slab *s, void *block,
                                                   size_t old_size,
                                                   size_t new_size) {
  if (!block) return new_size ? new_block(s, new_size) : NULL;
  if (new_size == 0) {
    free_block(s, block, old_size);
    return NULL;
  }
  if (fits(s, block, new_size)) return block;
  if (!is_ours(s, block) && new_size > WP_SLAB_LARGEST)
    return large_block(s, block, old_size, new_size);
  void *copy = new_block(s, new_size);
  /* Making it smaller must not fail. */
  if (!copy) return new_size <= old_size ? block : NULL;
  memcpy(copy, block, old_size < new_size ? old_size : new_size);
  free_block(s, block, old_size);
  return copy;
}

/* What is asked for most comes first, and saves no registers for the rest: so
** a block takes 27 instructions, where it took 68. */
void *wp_slab_realloc(void *slab, void *block, size_t old_size,
                      size_t new_size) {
  wp_slab *s = slab;
  if (!block && new_size <= WP_SLAB_LARGEST && new_size > 0) {
    span *p = s->open[s->class_of[(new_size + 7) / 8]];
    if (p) return take(s, p);
  }
  if (new_size == 0 && is_ours(s, block)) {
    give(s, block);
    return NULL;
  }
  return realloc_any(s, block, old_size, new_size);
}

/* ---- forks -------------------------------------------------------------- */

/* An empty span with pages would be copied where a fresh one is filled with
** zeros. */
static void discard_kept(wp_slab *s) {
  for (span *p = s->empty; p; p = p->next)
    if (p->is_kept) discard(s, p);
}

void wp_slab_seal(wp_slab *s) {
  for (unsigned class = 0; class < CLASSES; class++)
    for (span *p; (p = s->open[class]);) {
      if (p->live == 0) close_span(s, p);
      else unlist(s, p);
    }
  discard_kept(s);
  s->epoch++;
}

void wp_slab_unseal(wp_slab *s) {
  for (span *p = s->table; p < s->table + s->n_spans; p++) {
    if (p->live == 0 || p->epoch < s->birth) continue;
    p->epoch = s->epoch;
    if (!p->is_listed && has_room(p)) list(s, p);
  }
}

void wp_slab_inherit(wp_slab *s) {
  wp_slab_seal(s);
  s->birth = s->epoch;
}

void wp_slab_count(const wp_slab *s, wp_slab_figures *f) {
  *f = (wp_slab_figures){.reserved = s->space_bytes,
                         .spans = s->n_spans * SPAN_BYTES};
  for (const span *p = s->table; p < s->table + s->n_spans; p++) {
    if (p->live == 0) f->empty += SPAN_BYTES;
    else if (p->epoch < s->birth) f->inherited += SPAN_BYTES;
  }
}

/* ---- making ------------------------------------------------------------- */

static void fill_classes(wp_slab *s) {
  size_t size = 0, step = 8;
  unsigned units = 0;
  for (unsigned class = 0; class < CLASSES; class++) {
    if (class >= FINE_CLASSES && (class - FINE_CLASSES) % 4 == 0)
      step = size / 4;
    size += step;
    s->size_of[class] = (uint16_t)size;
    while (units <= size / 8) s->class_of[units++] = (uint8_t)class;
  }
}

static wp_slab *find_idle(wp_alloc_fn behind, const void *ud) {
  for (wp_slab *s = atomic_load(&all_slabs); s; s = s->next_slab) {
    int is_idle = 1;
    if (s->behind == behind && s->ud == ud &&
        atomic_compare_exchange_strong(&s->is_idle, &is_idle, 0))
      return s;
  }
  return NULL;
}

static wp_slab *make(wp_alloc_fn behind, void *ud) {
  wp_slab *s = wp_calloc(sizeof(*s));
  if (!s) return NULL;
  s->behind = behind;
  s->ud = ud;
  fill_classes(s);
  s->next_slab = atomic_load(&all_slabs);
  while (!atomic_compare_exchange_weak(&all_slabs, &s->next_slab, s)) continue;
  return s;
}

wp_slab *wp_slab_new(wp_alloc_fn behind, void *ud) {
  wp_slab *s = find_idle(behind, ud);
  if (!s) s = make(behind, ud);
  if (!s || reserve(s)) return s; /* without space it would be of no use */
  atomic_store(&s->is_idle, 1);
  return NULL;
}
