/*
** Codec, seen: which objects the message being written has already, by
** address. Open addressing; a slot counts only when it carries the number
** of the present message, so that a new message costs one addition and no
** clearing.
*/
#ifndef WP_CODEC_SEEN_H
#define WP_CODEC_SEEN_H

#include "base.h"

typedef struct wp_seen_slot {
  uintptr_t key;
  uint64_t word; /* message << WP_SEEN_BITS | value */
} wp_seen_slot;

/* All zero is a valid empty one. */
typedef struct wp_seen {
  wp_seen_slot *slots;
  size_t mask;       /* their number less one */
  size_t used, most; /* in this message; half of them may be */
  unsigned shift;
  uint64_t message; /* from 1, kept in the high bits */
} wp_seen;

#define WP_SEEN_BITS 40
#define WP_SEEN_VALUE (((uint64_t)1 << WP_SEEN_BITS) - 1)

/* Makes room for one more: 0, or -ENOMEM. */
int wp_seen_grow(wp_seen *s);

void wp_seen_free(wp_seen *s);

/* What a message may leave to the next: 1 MiB. */
enum { WP_SEEN_KEPT = 1 << 16 };

/* Forgets all; makes a table that is too large small again. */
void wp_seen_renew(wp_seen *s);

/* Starts a message. */
static inline void wp_seen_start(wp_seen *s) {
  s->used = 0;
  s->message += (uint64_t)1 << WP_SEEN_BITS;
  if (s->message == 0 || s->mask >= WP_SEEN_KEPT) wp_seen_renew(s);
}

static inline uint64_t wp_seen_hash(uintptr_t key) {
  return (uint64_t)key * 0x9E3779B97F4A7C15u;
}

static inline int wp_seen_full(const wp_seen *s) {
  return s->used >= s->most;
}

static inline int wp_seen_has(const wp_seen *s, const wp_seen_slot *slot) {
  return (slot->word & ~WP_SEEN_VALUE) == s->message;
}

/* Where to look first. What was made in a row lies in a row, and so do its
** slots: those of one KiB follow each other from a place that is theirs by
** chance. In a document of a million records, each whose slot lies anywhere
** misses the caches and the page tables, which is a third of its time. */
static inline size_t wp_seen_home(const wp_seen *s, uintptr_t key) {
  size_t base = (size_t)(wp_seen_hash(key >> 10) >> s->shift);
  return (base + (key >> 4)) & s->mask;
}

/* The slot of the key, or the free one where it belongs. There must be room
** for one more. */
static inline wp_seen_slot *wp_seen_find(const wp_seen *s, uintptr_t key) {
  size_t i = wp_seen_home(s, key);
  while (wp_seen_has(s, &s->slots[i]) && s->slots[i].key != key)
    i = (i + 1) & s->mask;
  return &s->slots[i];
}

static inline void wp_seen_set(wp_seen *s, wp_seen_slot *slot, uintptr_t key,
                               uint64_t value) {
  slot->key = key;
  slot->word = s->message | value;
  s->used++;
}

#endif
