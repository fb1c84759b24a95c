/*
** Worker, replies: what a worker tells its host. Results go into its ring;
** what is too large for that, into a block that the host has lent (loan.h) or,
** the first time, through the ring in pieces. The host is rung if it sleeps;
** while it has no room the worker sleeps on its own bell.
*/
#include "worker.h"

#include "bell.h"

#include <string.h>
#include <unistd.h>

/* ---- telling the host --------------------------------------------------- */

static void tell_host(wp_worker *w) {
  wp_header *header = w->region->header;
  wp_atomic64 *ready = &header->ready[w->index / 64];
  uint64_t bit = wp_worker_bit(w);
  if (!(atomic_load(ready) & bit)) atomic_fetch_or(ready, bit);
  if (atomic_load(&header->host_waits) &&
      atomic_exchange(&header->host_waits, 0))
    wp_hub_ring(w->hub);
}

/* Sleeps until the host has made room. */
static int sleep_for_room(wp_worker *w, size_t bytes) {
  while (!wp_ring_has_room(&w->writer, bytes)) {
    atomic_store(&w->line->wants_space, 1);
    tell_host(w);
    if (wp_ring_has_room(&w->writer, bytes)) break;
    int status = wp_bell_wait(w->bell);
    if (status < 0) return status;
    if (wp_worker_is_dismissed(w)) return WP_ECLOSED;
  }
  return WP_OK;
}

static int wait_for_room(wp_worker *w, size_t bytes) {
  if (wp_ring_has_room(&w->writer, bytes)) return WP_OK;
  uint64_t began = wp_ticks();
  int status = sleep_for_room(w, bytes);
  wp_laps_skip(&w->laps, began, WP_PART_ROOM);
  return status;
}

/* ---- results ------------------------------------------------------------ */

int wp_worker_publish(wp_worker *w, uint8_t flags, uint64_t value) {
  if (!w->writer.is_open) {
    int status = wait_for_room(w, 0);
    if (status < 0) return status;
    wp_ring_open(&w->writer, w->slot, w->generation, w->done);
  }
  uint32_t count = w->writer.count;
  wp_ring_publish(&w->writer, flags, value);
  atomic_fetch_add(&w->line->completed, count);
  tell_host(w);
  return WP_OK;
}

int wp_flush(wp_worker *w) {
  return w->writer.is_open ? wp_worker_publish(w, 0, 0) : WP_OK;
}

/* Whether the host has anything of ours still to read. */
static int is_awaited(const wp_worker *w) {
  return atomic_load(&w->line->ring_tail) != w->writer.head;
}

/* A block for a large body: 1, or 0 when there will be none. Blocks come back
** as the host reads on. */
static int wait_for_loan(wp_worker *w, size_t length, uint64_t *offset) {
  for (;;) {
    int awaited = is_awaited(w);
    atomic_store(&w->line->wants_space, 1);
    if (wp_loan_take(w->line, length, offset)) return 1;
    if (!awaited) return 0;
    tell_host(w);
    if (!is_awaited(w)) continue;
    int status = wp_bell_wait(w->bell);
    if (status < 0) return status;
    if (wp_worker_is_dismissed(w)) return WP_ECLOSED;
  }
}

static int borrow(wp_worker *w, size_t length, uint64_t *offset) {
  uint64_t began = wp_ticks();
  int got = wait_for_loan(w, length, offset);
  wp_laps_skip(&w->laps, began, WP_PART_ROOM);
  return got;
}

static int put_lent(wp_worker *w, wp_record record, wp_cursor *from,
                    size_t length, uint64_t offset) {
  wp_lent lent = {offset, length};
  const struct iovec iov = {&lent, sizeof(lent)};
  wp_gather(w->region->arena + offset, length, from);
  record.size = sizeof(lent);
  record.flags |= WP_RECORD_LENT;
  int status = wait_for_room(w, record.size);
  if (status < 0) return status;
  wp_ring_put(&w->writer, &record, &(wp_cursor){&iov, 0});
  tell_host(w);
  return WP_OK;
}

/* A body longer than a piece goes out as several records. */
static int put_pieces(wp_worker *w, wp_record record, wp_cursor *from,
                      size_t length) {
  uint8_t flags = record.flags;
  for (;;) {
    int more = length > WP_RING_PIECE;
    record.size = (uint32_t)(more ? WP_RING_PIECE : length);
    record.flags = more ? WP_RECORD_MORE : flags;
    int status = wait_for_room(w, record.size);
    if (status < 0) return status;
    wp_ring_put(&w->writer, &record, from);
    tell_host(w);
    if (!more) return WP_OK;
    length -= record.size;
  }
}

static int put(wp_worker *w, wp_record record, wp_cursor *from,
               size_t length) {
  uint64_t offset;
  int got = length > WP_RING_PIECE ? borrow(w, length, &offset) : 0;
  if (got < 0) return got;
  return got ? put_lent(w, record, from, length, offset)
             : put_pieces(w, record, from, length);
}

/* The result of the parcel's last task says as well that it has ended: the host
** has one record less to read, and the memory of the arguments back before it
** sends others. Not where they will be read again, for a picture of them. */
static int is_final(const wp_worker *w) {
  return w->done + 1 == w->count && !w->laps.figures;
}

static int reply_alone(wp_worker *w, wp_cursor *from, size_t length) {
  int status = wp_flush(w);
  if (status < 0) return status;
  wp_record record = {.type = WP_RECORD_RESULT, .slot = w->slot,
                      .generation = w->generation, .first = w->done,
                      .count = 1};
  if (is_final(w)) {
    record.flags = WP_RECORD_LAST;
    record.value = wp_worker_end_parcel(w);
  }
  status = put(w, record, from, length);
  if (status < 0) return status;
  w->done++;
  atomic_fetch_add(&w->line->completed, 1);
  return WP_OK;
}

/* Makes room in the open record. */
static int make_room(wp_worker *w, size_t length) {
  if (!wp_ring_has_room(&w->writer, length) ||
      w->writer.bytes + length > WP_RING_PIECE) {
    int status = wp_flush(w);
    if (status == WP_OK) status = wait_for_room(w, length);
    if (status < 0) return status;
  }
  if (!w->writer.is_open)
    wp_ring_open(&w->writer, w->slot, w->generation, w->done);
  return WP_OK;
}

static int begin_reply(wp_worker *w) {
  if (wp_worker_is_twin()) _exit(0);
  /* Told here, it is a mistake; to the host it would be a worker gone wild. */
  if (!w->has_parcel || w->done >= w->count) return WP_EINVAL;
  if (wp_worker_is_dismissed(w)) return WP_ECLOSED;
  wp_worker_turn_streams(w, w->done + 1);
  return WP_OK;
}

static int reply_gathered(wp_worker *w, wp_cursor *from, size_t length) {
  if (length > WP_RING_PIECE) return reply_alone(w, from, length);
  int status = make_room(w, length);
  if (status < 0) return status;
  wp_gather(wp_ring_place(&w->writer), length, from);
  wp_ring_add(&w->writer, length);
  w->done++;
  return WP_OK;
}

int wp_replyv(wp_worker *w, const struct iovec *iov, int n) {
  if (n == 1) return wp_reply(w, iov->iov_base, iov->iov_len);
  size_t length = wp_iov_length(iov, n);
  if (length > WP_LIMIT_MESSAGE) return WP_ETOOBIG;
  int status = begin_reply(w);
  return status < 0 ? status
                    : reply_gathered(w, &(wp_cursor){iov, 0}, length);
}

/* The way of nearly all results, so nothing is gathered. */
static int reply_small(wp_worker *w, const void *data, size_t length) {
  int status = make_room(w, length);
  if (status < 0) return status;
  memcpy(wp_ring_place(&w->writer), data, length);
  wp_ring_add(&w->writer, length);
  w->done++;
  return WP_OK;
}

int wp_reply(wp_worker *w, const void *data, size_t length) {
  const struct iovec iov = {(void *)data, length};
  int status = begin_reply(w);
  if (status < 0) return status;
  if (length <= WP_RING_PIECE) return reply_small(w, data, length);
  if (length > WP_LIMIT_MESSAGE) return WP_ETOOBIG;
  return reply_alone(w, &(wp_cursor){&iov, 0}, length);
}

int wp_send(wp_worker *w, unsigned kind, uint64_t tag, const void *data,
            size_t length) {
  const struct iovec iov = {(void *)data, length};
  if (wp_worker_is_twin()) _exit(0);
  int status = w->line ? wp_flush(w) : WP_EINVAL;
  if (status < 0) return status;
  wp_record record = {.type = WP_RECORD_MESSAGE, .kind = (uint16_t)kind,
                      .value = tag};
  return put(w, record, &(wp_cursor){&iov, 0}, length);
}
