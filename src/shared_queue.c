/*
** Shared, queues: see shared_queue.h.
*/
#include "shared_queue.h"

#include <string.h>

#define ALIGNED(n) (((n) + 7) & ~(uint64_t)7)

static wp_shared_item *item_at(wp_shared_queue *q, uint64_t number) {
  return (wp_shared_item *)(void *)(q + 1) + number % q->capacity;
}

static unsigned char *ring_at(wp_shared_queue *q, uint64_t at) {
  void *ring = (wp_shared_item *)(void *)(q + 1) + q->capacity;
  return (unsigned char *)ring + at % q->bytes;
}

size_t wp_shared_queue_size(uint64_t capacity, uint64_t bytes) {
  return sizeof(wp_shared_queue) + capacity * sizeof(wp_shared_item) +
         ALIGNED(bytes);
}

void wp_shared_queue_init(wp_shared_queue *q, uint64_t capacity,
                          uint64_t bytes) {
  wp_lock_init(&q->lock);
  q->capacity = capacity;
  q->bytes = ALIGNED(bytes);
  q->is_made = 1;
}

static uint64_t whole_length(const wp_shared_item *item) {
  return ALIGNED(item->length) + item->n_tickets * sizeof(wp_ticket);
}

/* Where the next message may begin. An empty ring begins anew. */
static uint64_t ring_end(wp_shared_queue *q, uint64_t head, uint64_t tail) {
  if (head == tail) return 0;
  const wp_shared_item *last = item_at(q, tail - 1);
  return last->at + ALIGNED(whole_length(last));
}

/* Messages are not cut in two: one that does not fit before the ring's end
** begins at its start. */
static int place(wp_shared_queue *q, uint64_t need, uint64_t *at) {
  uint64_t head = atomic_load(&q->head), tail = atomic_load(&q->tail);
  if (need > q->bytes) return WP_ETOOBIG;
  if (tail - head == q->capacity) return WP_EFULL;
  *at = ring_end(q, head, tail);
  uint64_t left = q->bytes - *at % q->bytes;
  if (left < need) *at += left;
  uint64_t begin = head == tail ? *at : item_at(q, head)->at;
  return *at + need - begin > q->bytes ? WP_EFULL : WP_OK;
}

static int publish(wp_shared_queue *q, const wp_shared_item *item) {
  uint64_t tail = atomic_load(&q->tail);
  *item_at(q, tail) = *item;
  atomic_store(&q->tail, tail + 1);
  return WP_OK;
}

static wp_ticket *tickets_in(const wp_bytes *b) {
  void *p = b->data;
  return p;
}

int wp_shared_queue_put(wp_shared_queue *q, const void *data, size_t length,
                        wp_bytes *tickets) {
  wp_shared_item item = {0, length, tickets->len / sizeof(wp_ticket)};
  if (atomic_load(&q->is_closed)) return WP_ECLOSED;
  int status = place(q, ALIGNED(whole_length(&item)), &item.at);
  if (status < 0) return status;
  unsigned char *to = ring_at(q, item.at);
  memcpy(to, data, length);
  if (tickets->len == 0) return publish(q, &item);
  wp_heap *h = wp_shared_enter();
  status = wp_shared_store(h, tickets_in(tickets), item.n_tickets);
  if (status == WP_OK) {
    memcpy(to + ALIGNED(length), tickets->data, tickets->len);
    status = publish(q, &item);
  }
  wp_shared_leave();
  return status;
}

static int copy_item(wp_shared_queue *q, const wp_shared_item *item,
                     wp_bytes *data, wp_bytes *tickets) {
  const unsigned char *from = ring_at(q, item->at);
  data->len = tickets->len = 0;
  int status = wp_bytes_append(data, from, item->length);
  if (status < 0) return status;
  return wp_bytes_append(tickets, from + ALIGNED(item->length),
                         item->n_tickets * sizeof(wp_ticket));
}

int wp_shared_queue_get(wp_shared_queue *q, wp_bytes *data, wp_bytes *tickets) {
  uint64_t head = atomic_load(&q->head);
  if (head == atomic_load(&q->tail))
    return atomic_load(&q->is_closed) ? WP_ECLOSED : WP_EFULL;
  int status = copy_item(q, item_at(q, head), data, tickets);
  if (status < 0) return status;
  wp_heap *h = tickets->len ? wp_shared_enter() : NULL;
  atomic_store(&q->head, head + 1);
  if (!h) return WP_OK;
  wp_shared_retrieve(h, tickets_in(tickets), tickets->len / sizeof(wp_ticket));
  wp_shared_leave();
  return WP_OK;
}

int wp_shared_queue_destroy(wp_heap *h, void *object, size_t size) {
  wp_shared_queue *q = object;
  if (size < sizeof(*q) || !q->is_made) return 1;
  uint64_t tail = atomic_load(&q->tail);
  for (uint64_t i = atomic_load(&q->head); i < tail; i++) {
    const wp_shared_item *item = item_at(q, i);
    const void *tickets = ring_at(q, item->at) + ALIGNED(item->length);
    wp_shared_forget_locked(h, tickets, item->n_tickets);
  }
  return 1;
}
