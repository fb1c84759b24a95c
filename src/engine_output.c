/*
** Engine, output: what workers print as events. Relayed, a piece comes
** before the results of the tasks that follow it; captured, it comes with the
** event of its worker's end.
*/
#include "engine.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

/* Nobody prints what he cannot guess; text has no such first byte. */
static void make_token(unsigned char *token) {
  uint64_t bits[2];
  if (getrandom(bits, sizeof(bits), 0) != (ssize_t)sizeof(bits)) {
    bits[0] = wp_now_ns();
    bits[1] = (uint64_t)getpid();
  }
  memcpy(token, bits, WP_MARK_TOKEN);
  token[0] = 0xff;
}

void wp_workers_init_output(wp_pool *p) {
  make_token(p->region.header->token);
}

void wp_set_output(wp_pool *p, unsigned output) {
  p->config.output = output;
}

/* A thread prints to what the host prints to. */
int wp_worker_open_output(wp_pool *p, unsigned w, wp_ends *ends) {
  wp_output *o = &p->workers[w].output;
  unsigned wanted = p->config.output;
  if (p->config.start == WP_START_THREAD) wanted = 0;
  int status = wp_output_open(o, wanted, ends->output);
  uint32_t marks = (wanted & WP_RELAY_MARKED) != 0;
  if (marks) o->token = p->region.header->token;
  atomic_store(&p->region.lines[w].marks, marks);
  return status;
}

int wp_worker_watch_output(wp_pool *p, unsigned w) {
  struct epoll_event said = {.events = EPOLLIN | EPOLLET,
                             .data.u64 = WP_TOKEN_OUTPUT | w};
  for (unsigned i = 0; i < WP_STREAMS; i++) {
    int fd = p->workers[w].output.streams[i].fd;
    if (fd >= 0 && epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &said) < 0)
      return -errno;
  }
  return WP_OK;
}

/* ---- relayed ------------------------------------------------------------ */

static int piece_of(wp_pool *p, unsigned w, wp_event *e) {
  if (!wp_output_piece(&p->workers[w].output, &p->talk, e)) return 0;
  e->worker = w;
  return 1;
}

static int take_stream(wp_pool *p, unsigned w, unsigned stream, wp_event *e) {
  p->talk.worker = w;
  while (wp_output_read(&p->workers[w].output, stream, &p->talk))
    if (piece_of(p, w, e)) return 1;
  return 0;
}

int wp_worker_take_output(wp_pool *p, unsigned w, wp_event *e) {
  return take_stream(p, w, 0, e) || take_stream(p, w, 1, e);
}

int wp_worker_take_rest(wp_pool *p, wp_event *e) {
  return piece_of(p, p->talk.worker, e);
}

/* As much of each stream as a pipe holds is enough: it was printed before. A
** process that the worker has left behind may go on printing for ever. */
static int take_before(wp_pool *p, unsigned w, uint64_t record, wp_event *e) {
  wp_output *o = &p->workers[w].output;
  if (o->before != record) {
    o->unread = wp_output_streams(o);
    o->read = 0;
  }
  o->before = record;
  while (o->unread) {
    unsigned stream = (unsigned)__builtin_ctz(o->unread);
    if (o->read < WP_PIPE_BYTES && take_stream(p, w, stream, e)) {
      o->read += p->talk.bytes.len;
      return 1;
    }
    o->unread &= ~(1u << stream);
    o->read = 0;
  }
  return 0;
}

int wp_worker_take_printed(wp_pool *p, unsigned w, wp_event *e) {
  wp_line *line = &p->region.lines[w];
  if (!wp_output_streams(&p->workers[w].output)) return 0;
  uint64_t tail = atomic_load(&line->ring_tail);
  return atomic_load(&line->ring_head) != tail &&
         take_before(p, w, tail + 1, e);
}

int wp_worker_take_last(wp_pool *p, unsigned w, wp_event *e) {
  if (take_before(p, w, UINT64_MAX, e)) return 1;
  if (!wp_output_cut(&p->workers[w].output, e)) return 0;
  e->worker = w;
  return 1;
}

/* ---- captured ----------------------------------------------------------- */

#define TRIM_EVERY_NS 100000000u

void wp_workers_trim_output(wp_pool *p) {
  if (!(p->config.output & WP_CAPTURE)) return;
  uint64_t now = wp_now_ns();
  if (now - p->trimmed_ns < TRIM_EVERY_NS) return;
  p->trimmed_ns = now;
  for (unsigned w = 0; w < p->config.n_workers; w++)
    wp_output_trim(&p->workers[w].output);
}

/* What it had captured for the task that ran; without memory, nothing. */
void wp_worker_take_captured(wp_pool *p, unsigned w, wp_event *e) {
  const wp_output *o = &p->workers[w].output;
  const wp_line *line = &p->region.lines[w];
  wp_bytes *b = &p->talk.bytes;
  if (o->file < 0 || wp_bytes_reserve(b, WP_LIMIT_OUTPUT) < 0) return;
  uint64_t from = atomic_load(&line->output_from[e->first & 1]);
  e->data = b->data;
  e->length = wp_output_tail(o->file, from, (char *)b->data, WP_LIMIT_OUTPUT,
                             &e->printed);
}
