/*
** Shared, dicts: see shared_dict.h.
*/
#include "shared_dict.h"

#include <string.h>

#define ALIGNED(n) (((n) + 7) & ~(uint64_t)7)
#define LEAST_LOG ((uint64_t)1 << 16)

/* An entry of the index: bits of the hash, and where the record is, in units
** of 8 bytes; 0 is empty and 1 was deleted. */
#define PLACE_BITS 34
#define PLACE_MASK (((uint64_t)1 << PLACE_BITS) - 1)
#define TOMB 1u
#define FIRST_PLACE 2u

static uint64_t *index_of(wp_dict *d) { return (uint64_t *)(void *)(d + 1); }

static unsigned char *half_of(wp_dict *d, uint32_t half) {
  return (unsigned char *)(index_of(d) + d->n_index) + half * d->bytes;
}

static unsigned char *log_of(wp_dict *d) {
  return half_of(d, atomic_load(&d->active));
}

static uint64_t index_size(uint64_t capacity) {
  uint64_t n = 16;
  while (n < capacity * 2) n *= 2;
  return n;
}

size_t wp_dict_size(uint64_t capacity, uint64_t bytes) {
  return sizeof(wp_dict) + index_size(capacity) * 8 + 2 * ALIGNED(bytes);
}

void wp_dict_init(wp_dict *d, uint64_t capacity, uint64_t bytes) {
  wp_lock_init(&d->lock);
  d->capacity = capacity;
  d->bytes = ALIGNED(bytes);
  d->n_index = index_size(capacity);
  d->is_made = 1;
}

static uint64_t mixed(uint64_t a, uint64_t b) {
  __extension__ typedef unsigned __int128 wide;
  wide product = (wide)(a ^ UINT64_C(0x9e3779b97f4a7c15)) *
                 (b ^ UINT64_C(0xd6e8feb86659fd93));
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t wp_dict_hash(wp_span key) {
  const unsigned char *p = key.data;
  uint64_t hash = key.length, word;
  size_t left = key.length;
  for (; left >= 8; left -= 8, p += 8) {
    memcpy(&word, p, 8);
    hash = mixed(hash, word);
  }
  word = 0;
  memcpy(&word, p, left);
  return mixed(hash, word);
}

/* ---- records ------------------------------------------------------------ */

wp_span wp_record_key(wp_dict_record *r) {
  return (wp_span){r + 1, r->key_length};
}

/* A value begins one byte before a multiple of 8: behind its tag a number
** then is one aligned word. */
static uint64_t value_at(uint64_t key_length) {
  return ALIGNED(sizeof(wp_dict_record) + key_length + 1) - 1;
}

wp_span wp_record_value(wp_dict_record *r) {
  return (wp_span){(unsigned char *)r + value_at(r->key_length),
                   r->value_length};
}

static uint64_t tickets_at(uint64_t key_length, uint64_t value_length) {
  return ALIGNED(value_at(key_length) + value_length);
}

static const wp_ticket *tickets_of(const wp_dict_record *r) {
  const void *at =
      (const unsigned char *)r + tickets_at(r->key_length, r->value_length);
  return at;
}

static wp_dict_record *record_at(wp_dict *d, uint64_t offset) {
  void *at = log_of(d) + offset;
  return at;
}

static uint64_t offset_of(wp_dict *d, const wp_dict_record *r) {
  return (uint64_t)((const unsigned char *)r - log_of(d));
}

wp_dict_record *wp_dict_next(wp_dict *d, wp_dict_record *r) {
  uint64_t at = r ? offset_of(d, r) + r->size : 0;
  uint64_t top = atomic_load(&d->top[atomic_load(&d->active)]);
  while (at < top && !atomic_load(&record_at(d, at)->is_alive))
    at += record_at(d, at)->size;
  return at < top ? record_at(d, at) : NULL;
}

/* ---- the index ---------------------------------------------------------- */

static int is_record(wp_dict_record *r, wp_span key, uint64_t hash) {
  return r->hash == hash && r->key_length == key.length &&
         memcmp(r + 1, key.data, key.length) == 0;
}

static wp_dict_record *record_of(wp_dict *d, uint64_t entry) {
  return record_at(d, ((entry & PLACE_MASK) - FIRST_PLACE) * 8);
}

/* The entry of the key, or else the one where it would go. */
static uint64_t *find_entry(wp_dict *d, wp_span key, uint64_t hash,
                            int *found) {
  uint64_t *index = index_of(d), *free = NULL, mask = d->n_index - 1;
  uint64_t tag = hash & ~PLACE_MASK;
  *found = 0;
  for (uint64_t i = hash & mask;; i = (i + 1) & mask) {
    uint64_t place = index[i] & PLACE_MASK;
    if (place == 0) return free ? free : &index[i];
    if (place == TOMB) {
      if (!free) free = &index[i];
    } else if ((index[i] & ~PLACE_MASK) == tag &&
               is_record(record_of(d, index[i]), key, hash)) {
      *found = 1;
      return &index[i];
    }
  }
}

wp_dict_record *wp_dict_find(wp_dict *d, wp_span key, uint64_t hash) {
  int found;
  uint64_t *entry = find_entry(d, key, hash, &found);
  return found ? record_of(d, *entry) : NULL;
}

static uint64_t entry_for(wp_dict *d, const wp_dict_record *r) {
  return (r->hash & ~PLACE_MASK) | (offset_of(d, r) / 8 + FIRST_PLACE);
}

/* With tickets, under the heap's lock: their end and its own are one. */
static void bury(wp_dict *d, wp_dict_record *r) {
  wp_heap *h = r->n_tickets ? wp_shared_enter() : NULL;
  atomic_store(&r->is_alive, 0);
  if (h) {
    wp_shared_forget_locked(h, tickets_of(r), r->n_tickets);
    wp_shared_leave();
  }
  d->alive_bytes -= r->size;
  atomic_fetch_sub(&d->count, 1);
}

/* Two with one key: the later one was to replace the other. */
static void enter(wp_dict *d, wp_dict_record *r) {
  int found;
  uint64_t *entry = find_entry(d, wp_record_key(r), r->hash, &found);
  if (found) bury(d, record_of(d, *entry));
  else if (*entry) d->tombs--;
  *entry = entry_for(d, r);
  d->alive_bytes += r->size;
  atomic_fetch_add(&d->count, 1);
}

/* What the living records of a half hold; with the heap's lock. */
static void forget_half(wp_dict *d, wp_heap *h, uint32_t half) {
  uint64_t top = atomic_load(&d->top[half]);
  wp_dict_record *r;
  for (uint64_t at = 0; at < top; at += r->size) {
    void *p = half_of(d, half) + at;
    r = p;
    if (atomic_load(&r->is_alive))
      wp_shared_forget_locked(h, tickets_of(r), r->n_tickets);
  }
}

/* With the heap's lock. Forgetting what has been forgotten does no harm. */
static void finish_clearing(wp_dict *d, wp_heap *h) {
  uint32_t half = atomic_load(&d->cleared) - 1;
  if (half != atomic_load(&d->active)) forget_half(d, h, half);
  atomic_store(&d->cleared, 0);
}

void wp_dict_repair(wp_dict *d) {
  if (atomic_load(&d->cleared)) {
    finish_clearing(d, wp_shared_enter());
    wp_shared_leave();
  }
  memset(index_of(d), 0, d->n_index * 8);
  d->tombs = d->alive_bytes = 0;
  atomic_store(&d->count, 0);
  for (wp_dict_record *r = NULL; (r = wp_dict_next(d, r));) enter(d, r);
}

/* ---- the log ------------------------------------------------------------ */

/* What is to be written. */
typedef struct draft {
  wp_dict_record head;
  wp_span key, value;
  wp_bytes *tickets;
} draft;

static void write_record(unsigned char *at, const draft *w) {
  memcpy(at, &w->head, sizeof(w->head));
  memcpy(at + sizeof(w->head), w->key.data, w->key.length);
  memcpy(at + value_at(w->key.length), w->value.data, w->value.length);
  if (w->tickets->len)
    memcpy(at + tickets_at(w->key.length, w->value.length), w->tickets->data,
           w->tickets->len);
}

static int store_tickets(wp_heap *h, const draft *w) {
  void *tickets = w->tickets->data;
  return wp_shared_store(h, tickets, w->head.n_tickets);
}

/* The other half may hold anything until it is the active one. */
static void copy_living(wp_dict *d, const wp_dict_record *old,
                        const draft *w) {
  uint32_t other = 1 - atomic_load(&d->active);
  unsigned char *to = half_of(d, other);
  for (wp_dict_record *r = NULL; (r = wp_dict_next(d, r));) {
    if (r == old) continue;
    memcpy(to, r, r->size);
    to += r->size;
  }
  if (w) {
    write_record(to, w);
    to += w->head.size;
  }
  atomic_store(&d->top[other], (uint64_t)(to - half_of(d, other)));
  atomic_store(&d->active, other);
}

static void compact(wp_dict *d) {
  copy_living(d, NULL, NULL);
  wp_dict_repair(d);
}

/* The draft takes the place of `old` on the way: so there need not be room
** for both in one half. */
static int compact_with(wp_dict *d, const wp_dict_record *old,
                        const draft *w) {
  int has_tickets = old->n_tickets || w->head.n_tickets;
  wp_heap *h = has_tickets ? wp_shared_enter() : NULL;
  int status = h ? store_tickets(h, w) : WP_OK;
  if (status == WP_OK) copy_living(d, old, w);
  if (h && status == WP_OK)
    wp_shared_forget_locked(h, tickets_of(old), old->n_tickets);
  if (h) wp_shared_leave();
  if (status == WP_OK) wp_dict_repair(d);
  return status;
}

/* A log that is much longer than what lives in it only fills the caches. */
static uint64_t log_limit(const wp_dict *d) {
  uint64_t limit = d->alive_bytes * 4;
  if (limit < LEAST_LOG) limit = LEAST_LOG;
  return limit < d->bytes ? limit : d->bytes;
}

static int make_room(wp_dict *d, uint64_t size) {
  if (size > d->bytes) return WP_ETOOBIG;
  uint64_t top = atomic_load(&d->top[atomic_load(&d->active)]);
  if (top + size > log_limit(d) && d->alive_bytes < top) {
    compact(d);
    top = atomic_load(&d->top[atomic_load(&d->active)]);
  }
  return size > d->bytes - top ? WP_EFULL : WP_OK;
}

/* Behind the top, where nobody looks; then the top moves. */
static int append(wp_dict *d, const draft *w, wp_dict_record **record) {
  wp_atomic64 *top = &d->top[atomic_load(&d->active)];
  uint64_t at = atomic_load(top);
  wp_heap *h = w->head.n_tickets ? wp_shared_enter() : NULL;
  int status = h ? store_tickets(h, w) : WP_OK;
  if (status == WP_OK) {
    write_record(log_of(d) + at, w);
    atomic_store(top, at + w->head.size);
  }
  if (h) wp_shared_leave();
  *record = record_at(d, at);
  return status;
}

/* A number in place of a number of the same kind. */
static int set_in_place(wp_dict_record *r, wp_span value) {
  wp_span old = wp_record_value(r);
  const unsigned char *from = value.data;
  uint64_t word;
  if (old.length != 9 || value.length != 9 ||
      *(const unsigned char *)old.data != *from || r->n_tickets)
    return 0;
  if (*from != 'i' && *from != 'f') return 0; /* tags of bind_shared_value */
  memcpy(&word, from + 1, 8);
  void *to = (unsigned char *)r + value_at(r->key_length) + 1;
  atomic_store((wp_atomic64 *)to, word);
  return 1;
}

static draft drafted(wp_span key, uint64_t hash, wp_span value,
                     wp_bytes *tickets) {
  draft w = {.key = key, .value = value, .tickets = tickets};
  w.head.hash = hash;
  w.head.value_length = value.length;
  w.head.key_length = (uint32_t)key.length;
  w.head.n_tickets = (uint32_t)(tickets->len / sizeof(wp_ticket));
  w.head.size = tickets_at(key.length, value.length) + tickets->len;
  atomic_store(&w.head.is_alive, 1);
  return w;
}

int wp_dict_set(wp_dict *d, wp_span key, uint64_t hash, wp_span value,
                wp_bytes *tickets) {
  wp_dict_record *record, *old = wp_dict_find(d, key, hash);
  if (old && set_in_place(old, value)) return WP_OK;
  if (!old && atomic_load(&d->count) >= d->capacity) return WP_EFULL;
  if (key.length > UINT32_MAX) return WP_ETOOBIG;
  draft w = drafted(key, hash, value, tickets);
  if (d->tombs > d->n_index / 4) wp_dict_repair(d);
  int status = make_room(d, w.head.size);
  old = old ? wp_dict_find(d, key, hash) : NULL; /* it may have moved */
  if (status == WP_EFULL && old &&
      d->alive_bytes - old->size + w.head.size <= d->bytes)
    return compact_with(d, old, &w);
  if (status == WP_OK) status = append(d, &w, &record);
  if (status == WP_OK) enter(d, record);
  return status;
}

void wp_dict_delete(wp_dict *d, wp_dict_record *r) {
  int found;
  uint64_t *entry = find_entry(d, wp_record_key(r), r->hash, &found);
  bury(d, r);
  *entry = TOMB;
  d->tombs++;
}

/* The other half, empty, takes the place of this one, and who dies behind that
** leaves a note of what is still to be forgotten. */
void wp_dict_clear(wp_dict *d) {
  uint32_t half = atomic_load(&d->active);
  atomic_store(&d->top[1 - half], 0);
  atomic_store(&d->cleared, half + 1);
  atomic_store(&d->active, 1 - half);
  wp_dict_repair(d);
}

int wp_dict_destroy(wp_heap *h, void *object, size_t size) {
  wp_dict *d = object;
  if (size < sizeof(*d) || !d->is_made) return 1;
  if (atomic_load(&d->cleared)) finish_clearing(d, h);
  forget_half(d, h, atomic_load(&d->active));
  return 1;
}
