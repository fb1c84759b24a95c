/*
** Fuzz, ring: what a worker that runs wild may leave in its ring. The input is
** the ring's positions and then its bytes; whatever they say, the host reads
** no byte outside the ring and always comes to an end.
*/
#include "ring.h"

#include <stdlib.h>
#include <string.h>

/* As mapped: the ring's bytes stand twice in a row. Beyond is poison. */
static unsigned char *ring;

static void fill(const uint8_t *data, size_t size) {
  if (!ring) ring = calloc(2, WP_RING_BYTES);
  if (!ring) abort();
  if (size > WP_RING_BYTES) size = WP_RING_BYTES;
  memset(ring, 0, 4096);
  memcpy(ring, data, size);
  memcpy(ring + WP_RING_BYTES, ring, size > 4096 ? size : 4096);
}

static uint64_t number_at(const uint8_t *data) {
  uint64_t n;
  memcpy(&n, data, sizeof(n));
  return n;
}

/* Every byte of a body must be there to read. */
static unsigned sum(const unsigned char *body, size_t size) {
  unsigned all = 0;
  for (size_t i = 0; i < size; i += 61) all += body[i];
  return size ? all + body[size - 1] : all;
}

static void check_inside(const unsigned char *body, size_t size) {
  if (body < ring || body + size > ring + 2 * WP_RING_BYTES) abort();
}

static unsigned drain(wp_line *line) {
  wp_record record;
  const unsigned char *body;
  unsigned all = 0;
  for (unsigned i = 0; i < 1000; i++) {
    if (wp_ring_peek(ring, line, &record, &body) != 1) break;
    check_inside(body, record.size);
    all += sum(body, record.size);
    (void)wp_ring_consume(line, &record);
  }
  if (wp_ring_peek_open(ring, line, &record, &body) == 1) {
    check_inside(body, record.size);
    all += sum(body, record.size);
  }
  return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static wp_line line;
  static volatile unsigned sink;
  if (size < 24) return 0;
  fill(data + 24, size - 24);
  uint64_t tail = number_at(data);
  atomic_store(&line.ring_tail, tail);
  atomic_store(&line.ring_head, data[8] & 1 ? number_at(data + 8)
                                            : tail + number_at(data + 8) %
                                                         WP_RING_BYTES);
  atomic_store(&line.open, number_at(data + 16));
  atomic_store(&line.open_at, atomic_load(&line.ring_head));
  sink += drain(&line);
  (void)sink;
  return 0;
}
