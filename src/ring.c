/*
** Ring: see ring.h.
*/
#include "ring.h"

#include <string.h>

static unsigned char *at(const unsigned char *ring, uint64_t position) {
  return (unsigned char *)ring + position % WP_RING_BYTES;
}

static size_t whole(size_t size) {
  return sizeof(wp_record) + WP_RECORD_ALIGN(size);
}

void wp_ring_writer_init(wp_ring_writer *w, unsigned char *ring,
                         wp_line *line) {
  *w = (wp_ring_writer){.ring = ring, .line = line};
  w->head = atomic_load(&line->ring_head);
}

int wp_ring_has_room(const wp_ring_writer *w, size_t bytes) {
  uint64_t used = w->head - atomic_load(&w->line->ring_tail);
  size_t open = w->is_open ? w->bytes : 0;
  return whole(open + bytes) <= WP_RING_BYTES - used;
}

void wp_ring_open(wp_ring_writer *w, uint32_t slot, uint32_t generation,
                  uint32_t first) {
  wp_record record = {.type = WP_RECORD_RESULT, .slot = slot, .first = first,
                      .generation = generation};
  memcpy(at(w->ring, w->head), &record, sizeof(record));
  atomic_store_explicit(&w->line->open_at, w->head, memory_order_release);
  w->is_open = 1;
  w->bytes = w->count = 0;
}

unsigned char *wp_ring_place(const wp_ring_writer *w) {
  return at(w->ring, w->head) + sizeof(wp_record) + w->bytes;
}

void wp_ring_add(wp_ring_writer *w, size_t length) {
  w->bytes += (uint32_t)length;
  w->count++;
  atomic_store_explicit(&w->line->open, (uint64_t)w->count << 32 | w->bytes,
                        memory_order_release);
}

static void advance(wp_ring_writer *w, size_t size) {
  w->head += whole(size);
  /* Sequentially consistent: the caller looks at the host's state next. */
  atomic_store(&w->line->ring_head, w->head);
}

void wp_ring_publish(wp_ring_writer *w, uint8_t flags, uint64_t value) {
  wp_record record;
  memcpy(&record, at(w->ring, w->head), sizeof(record));
  record.size = w->bytes;
  record.count = w->count;
  record.flags = flags;
  record.value = value;
  memcpy(at(w->ring, w->head), &record, sizeof(record));
  advance(w, w->bytes);
  atomic_store_explicit(&w->line->open, 0, memory_order_release);
  w->is_open = 0;
}

void wp_ring_put(wp_ring_writer *w, const wp_record *record,
                 wp_cursor *body) {
  unsigned char *to = at(w->ring, w->head);
  memcpy(to, record, sizeof(*record));
  wp_gather(to + sizeof(*record), record->size, body);
  advance(w, record->size);
}

int wp_ring_peek(const unsigned char *ring, wp_line *line, wp_record *record,
                 const unsigned char **body) {
  uint64_t tail = atomic_load_explicit(&line->ring_tail, memory_order_relaxed);
  uint64_t head = atomic_load(&line->ring_head);
  if (head == tail) return 0;
  uint64_t present = head - tail;
  if (present > WP_RING_BYTES || present < sizeof(*record)) return WP_ECORRUPT;
  memcpy(record, at(ring, tail), sizeof(*record));
  if (whole(record->size) > present) return WP_ECORRUPT;
  *body = at(ring, tail) + sizeof(*record);
  return 1;
}

int wp_ring_peek_open(const unsigned char *ring, wp_line *line,
                      wp_record *record, const unsigned char **body) {
  uint64_t open = atomic_load_explicit(&line->open, memory_order_acquire);
  uint64_t head = atomic_load(&line->ring_head);
  if ((open >> 32) == 0 || atomic_load(&line->open_at) != head) return 0;
  memcpy(record, at(ring, head), sizeof(*record));
  if (record->type != WP_RECORD_RESULT) return 0;
  record->size = (uint32_t)open;
  record->count = (uint32_t)(open >> 32);
  if (whole(record->size) > WP_RING_BYTES) return WP_ECORRUPT;
  *body = at(ring, head) + sizeof(*record);
  return 1;
}

int wp_ring_has_end(const unsigned char *ring, const wp_line *line,
                    uint32_t slot, uint32_t generation) {
  uint64_t from = atomic_load_explicit(&line->ring_tail, memory_order_relaxed);
  uint64_t head = atomic_load(&line->ring_head);
  wp_record record;
  /* Whoever has written nonsense there is found out when it is read. */
  while (head - from >= sizeof(record) && head - from <= WP_RING_BYTES) {
    memcpy(&record, at(ring, from), sizeof(record));
    if (record.type == WP_RECORD_RESULT && (record.flags & WP_RECORD_LAST) &&
        record.slot == slot && record.generation == generation)
      return 1;
    from += whole(record.size);
  }
  return 0;
}

int wp_ring_consume(wp_line *line, const wp_record *record) {
  uint64_t tail = atomic_load_explicit(&line->ring_tail, memory_order_relaxed);
  atomic_store(&line->ring_tail, tail + whole(record->size));
  return atomic_load(&line->wants_space) &&
         atomic_exchange(&line->wants_space, 0);
}
