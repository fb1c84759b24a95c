/*
** Fuzz, host: the C interface, both sides of it, in any order of calls. The
** workers are puppets in this very process: instead of launching one, the
** pool's own link is opened as an executed program would, and from then on the
** input plays its part, with the engine's own code. What must hold: each task
** of each parcel is answered for once, in order, by results, or by the death
** of its worker, or not at all when it was taken back; and in the end nothing
** is left.
**
** A worker that has run wild writes words where it likes into the region that
** it shares with its host. From then on nothing is expected of what the host
** says, but that it does not fall.
**
** wrap: wp_launch wp_launch_ending
*/
#include "bell.h"
#include "engine.h"
#include "figures.h"
#include "input.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 3, MOST_PARCELS = 64, MOST_JOBS = 4, MOST_STEPS = 400 };

typedef struct puppet {
  wp_worker *worker;
  int output[WP_STREAMS];
  int has_batch;
  uint32_t replied;
  wp_task_batch batch;
} puppet;

/* A parcel as it should be. */
typedef struct expected {
  uint64_t ticket, tag;
  uint32_t count, received;
  int lives, was_retired;
} expected;

static wp_pool *pool;
static puppet puppets[WP_LIMIT_WORKERS];
static expected parcels[MOST_PARCELS];
static wp_job *jobs[MOST_JOBS];
static wp_event event;
static unsigned n_looks;
static int has_event, is_wild;
static unsigned ended; /* a parcel that the last event ended is still pending */
static unsigned char bytes[400000];

/* ---- workers ------------------------------------------------------------ */

/* What it prints to. */
static void close_output(puppet *a) {
  for (unsigned i = 0; i < WP_STREAMS; i++) wp_fd_close(&a->output[i]);
}

int __wrap_wp_launch(wp_pool *p, unsigned w, wp_ends ends);
int __wrap_wp_launch(wp_pool *p, unsigned w, wp_ends ends) {
  char link[128];
  int hub = dup(p->hub);
  snprintf(link, sizeof(link), "%d:%d:-1:-1:%d:-1:%u:%u:%zu",
           dup(p->region.fd), ends.bell, hub, w, p->config.n_workers,
           p->region.arena_size);
  setenv("WORKERPOOL_LINK", link, 1);
  /* Nobody here may wait for ever: where it would, the call fails. */
  fcntl(ends.bell, F_SETFL, O_NONBLOCK);
  memset(&puppets[w], 0, sizeof(puppets[w]));
  memcpy(puppets[w].output, ends.output, sizeof(ends.output));
  p->workers[w].pid = 0;
  p->workers[w].pidfd = -1;
  if (wp_attach(&puppets[w].worker) == WP_ROLE_WORKER) return WP_OK;
  MUST(is_wild); /* it does not say any more that it is a pool's region */
  close(hub);
  close(ends.bell);
  close_output(&puppets[w]);
  return WP_ECORRUPT;
}

/* As by a kill: what it has begun stays as it is. */
static void drop(puppet *a) {
  if (!a->worker) return;
  wp_dismiss(a->worker);
  wp_detach(a->worker);
  close_output(a);
  a->worker = NULL;
}

wp_ending __wrap_wp_launch_ending(wp_pool *p, unsigned w);
wp_ending __wrap_wp_launch_ending(wp_pool *p, unsigned w) {
  (void)p;
  drop(&puppets[w]);
  return (wp_ending){.known = 1, .signal = 9};
}

static void work(puppet *a, input *in) {
  unsigned what = take_byte(in);
  if (what % 8 == 7) {
    wp_detach(a->worker); /* it leaves in order */
    close_output(a);
    a->worker = NULL;
    return;
  }
  int status = WP_OK;
  size_t length = take_number(in, 1);
  if (what & 0x80) length *= 1500; /* in pieces, or more than the ring takes */
  if (!a->has_batch || what % 8 == 0) {
    if (!a->has_batch && wp_pending(pool) == 0) return;
    status = wp_receive(a->worker, &a->batch);
    a->has_batch = status == 1;
    a->replied = 0;
    if (status == 1) {
      MUST(a->batch.job_length == 3 && !memcmp(a->batch.job_data, "job", 3));
      for (size_t i = 0; i < a->batch.length; i++)
        MUST(a->batch.data[i] == (uint8_t)a->batch.length);
    }
    if (status == 0) status = WP_ECLOSED;
  } else if (what % 8 == 1) {
    status = wp_finish(a->worker);
    a->has_batch = 0;
  } else if (what % 8 == 2) {
    status = wp_flush(a->worker);
  } else if (what % 8 == 3) {
    status = wp_send(a->worker, what, length, bytes, length);
  } else if (what % 8 == 4) {
    wp_stamp(a->worker, what >> 3 & 7, what & 0x40);
    wp_note(a->worker, (uint32_t)length);
  } else if (a->replied < a->batch.count) {
    status = wp_reply(a->worker, bytes, length);
    if (status == WP_OK) a->replied++;
  }
  if (status < 0) drop(a);
}

/* Only words that a worker could reach, by a pointer gone astray. */
static void scribble(input *in) {
  static const uint64_t special[] = {0, UINT64_MAX, (uint64_t)1 << 63,
                                     (uint64_t)1 << 32, WP_RING_BYTES, 40};
  wp_region *r = &pool->region;
  unsigned area = take_byte(in), w = area >> 4 & 3, kind = take_byte(in);
  size_t at = take_number(in, 2) * 8;
  uint64_t word = kind & 1 ? take_number(in, 8) : special[(kind >> 1) % 6];
  unsigned char *base[] = {(void *)r->header, (void *)&r->lines[w % WORKERS],
                           (void *)&r->figures[w % WORKERS],
                           (void *)&r->queues[w], (void *)r->slots,
                           wp_region_ring(r, w % WORKERS)};
  const size_t size[] = {sizeof(wp_header), sizeof(wp_line),
                         sizeof(wp_figures), sizeof(wp_queue),
                         MOST_PARCELS * sizeof(wp_slot), WP_RING_BYTES};
  area %= 6;
  if (area == 5 && pool->workers[w % WORKERS].state == WP_WORKER_ABSENT)
    return; /* nobody has it mapped */
  is_wild = 1;
  memcpy(base[area] + at % size[area], &word, 8);
}

/* ---- the host ----------------------------------------------------------- */

static expected *find(uint64_t ticket) {
  for (unsigned i = 0; i < MOST_PARCELS; i++)
    if (parcels[i].lives && parcels[i].ticket == ticket) return &parcels[i];
  return NULL;
}

static expected *find_free(void) {
  for (unsigned i = 0; i < MOST_PARCELS; i++)
    if (!parcels[i].lives) return &parcels[i];
  return NULL;
}

static void expect(uint64_t ticket, uint64_t tag, uint32_t count) {
  expected *x = find_free();
  if (!is_wild) MUST(!find(ticket));
  *x = (expected){.ticket = ticket, .tag = tag, .count = count, .lives = 1};
}

static void submit(input *in) {
  static uint64_t tag;
  wp_job *job = jobs[take_byte(in) % MOST_JOBS];
  uint64_t ticket = 0;
  size_t length = take_byte(in);
  unsigned char data[256];
  memset(data, (int)length, sizeof(data));
  int target = (int)(take_byte(in) % (WORKERS + 3)) - 2;
  wp_parcel parcel = {.job = job, .data = data, .length = length,
                      .tag = tag += 1000, .count = take_byte(in) % 50,
                      .skip = take_byte(in), .target = target};
  if (!find_free()) return;
  int is_good = job && parcel.count > 0 && target >= WP_ANY &&
                target < WORKERS;
  int status = wp_submit(pool, &parcel, &ticket);
  if (!is_wild) MUST((status == WP_OK) == is_good);
  if (status == WP_OK) expect(ticket, parcel.tag, parcel.count);
}

static void announce(input *in) {
  unsigned i = take_byte(in) % MOST_JOBS;
  if (jobs[i]) {
    wp_retire(pool, jobs[i]);
    jobs[i] = NULL;
  } else {
    MUST(wp_announce(pool, "job", 3, &jobs[i]) == WP_OK);
  }
}

static unsigned sum(const unsigned char *data, size_t length) {
  unsigned all = 0;
  for (size_t i = 0; i < length; i++) all += data[i];
  return all;
}

static void check_result(void) {
  expected *x = find(event.ticket);
  MUST(x && x->tag == event.tag && x->received == event.first);
  x->received += event.count;
  MUST(x->received <= x->count);
  if (!event.last) return;
  x->lives = 0;
  ended = 1;
}

static void check_exit(void) {
  if (!event.holds) return;
  expected *x = find(event.ticket);
  MUST(x && x->tag == event.tag && x->received == event.first);
  MUST(event.count > 0 && event.count == x->count - x->received);
  x->lives = 0;
  ended = 1;
}

static unsigned count_living(void) {
  unsigned n = 0;
  for (unsigned i = 0; i < MOST_PARCELS; i++) n += parcels[i].lives != 0;
  return n;
}

/* 1 when there was an event. */
static int next(void) {
  static volatile unsigned sink;
  int got = ++n_looks % 2 ? wp_more(pool, &event) : 0;
  if (got == 0) got = wp_next(pool, 0, &event);
  has_event = got == 1;
  ended = 0;
  if (!has_event) return 0;
  if (event.type != WP_EVENT_EXIT) sink += sum(event.data, event.length);
  (void)sink;
  if (is_wild) return 1;
  if (event.type == WP_EVENT_RESULT) check_result();
  if (event.type == WP_EVENT_EXIT) check_exit();
  MUST(wp_pending(pool) == count_living() + ended);
  return 1;
}

static void submit_again(input *in) {
  uint32_t first = take_byte(in), count = take_byte(in);
  uint64_t ticket = 0;
  if (count == 255) count = UINT32_MAX - first + 2; /* wraps around */
  if (!has_event || !find_free()) return;
  int status = wp_submit_again(pool, &event, first, count, WP_ANY, &ticket);
  if (!is_wild && !ended) MUST(status == WP_EINVAL);
  if (status == WP_OK) expect(ticket, event.tag + first, count);
}

static void look(input *in) {
  static volatile unsigned sink;
  const unsigned char *data;
  size_t length;
  uint32_t skip, index;
  uint64_t tag;
  wp_progress progress;
  wp_reading reading;
  unsigned w = take_byte(in);
  if (has_event && event.type != WP_EVENT_OUTPUT &&
      wp_parcel_data(pool, &event, &data, &length, &skip) == WP_OK)
    sink += sum(data, length);
  wp_inspect(pool, w, &progress);
  if (wp_holding(pool, w, &tag, &index) && !is_wild) MUST(w < WORKERS);
  const wp_figures *figures = wp_figures_of(pool, w);
  if (figures) {
    wp_figures_read(figures, &reading);
    for (unsigned i = 0; i < WP_LONGEST; i++)
      MUST(memchr(reading.longest[i].text, 0, WP_LONG_TEXT));
  }
  sink += wp_noted(pool) + (unsigned)wp_completed(pool);
  (void)sink;
  (void)wp_worker_pid(pool, w);
  (void)wp_claimant(pool, take_number(in, 8));
}

static void cancel(input *in) {
  unsigned i = take_byte(in);
  if (i >= 0xF0) {
    uint64_t wrong = take_number(in, 8);
    if (!find(wrong)) MUST(is_wild || wp_cancel(pool, wrong) == 0);
    return;
  }
  expected *x = &parcels[i % MOST_PARCELS];
  if (x->lives && wp_cancel(pool, x->ticket) == 1) x->lives = 0;
}

static void abandon(input *in) {
  uint64_t busy[WP_WORDS] = {0};
  uint64_t low = take_number(in, 2) * 100, high = low + take_number(in, 2);
  unsigned before = wp_pending(pool);
  unsigned n = wp_abandon(pool, low, high, busy);
  if (is_wild) return;
  MUST(n <= wp_pending(pool) && wp_pending(pool) <= before);
  for (unsigned i = 0; i < MOST_PARCELS; i++) {
    expected *x = &parcels[i];
    if (x->lives && x->tag >= low && x->tag <= high &&
        wp_claimant(pool, x->ticket) < 0)
      x->lives = 0;
  }
  MUST(wp_pending(pool) == count_living() + ended);
}

static void start(unsigned w) {
  int is_good = w < WORKERS && !wp_running(pool, w);
  int status = wp_start(pool, w);
  MUST((status == WP_OK) == is_good || (is_wild && status < 0));
}

static void step(input *in) {
  unsigned op = take_byte(in), w = op >> 4;
  switch (op & 15) {
    case 0: start(w); break;
    case 1: submit(in); break;
    case 2: announce(in); break;
    case 3: cancel(in); break;
    case 4: abandon(in); break;
    case 5: submit_again(in); break;
    case 6: look(in); break;
    case 7: (void)wp_stop(pool, w); break;
    case 8: (void)wp_kill(pool, w); break;
    case 9: wp_measure(pool, (int)w); break;
    case 10: wp_set_output(pool, w & 15); break;
    case 11:
      if (puppets[w / 2].worker && puppets[w / 2].output[w & 1] >= 0)
        (void)!write(puppets[w / 2].output[w & 1], "printed\nmore", 12);
      break;
    case 12: drop(&puppets[w]); break;
    case 13:
      if (w == 15) scribble(in);
      else next();
      break;
    default:
      if (puppets[w % WORKERS].worker && !is_wild)
        work(&puppets[w % WORKERS], in);
  }
}

/* ---- the end ------------------------------------------------------------ */

/* All that is left is done by worker 0. */
static void finish(void) {
  wp_task_batch batch;
  for (unsigned w = 0; w < WORKERS; w++) drop(&puppets[w]);
  while (next() || wp_alive(pool)) continue;
  start(0);
  for (unsigned w = 1; w < WORKERS; w++) start(w);
  for (unsigned w = 0; w < WORKERS; w++) {
    (void)wp_stop(pool, w);
    while (wp_receive(puppets[w].worker, &batch) == 1) {
      for (uint32_t i = 0; i < batch.count; i++)
        MUST(wp_reply(puppets[w].worker, "", 0) == WP_OK);
      MUST(wp_finish(puppets[w].worker) == WP_OK);
      while (next()) continue;
    }
  }
  while (next()) continue;
  MUST(count_living() == 0 && wp_pending(pool) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, data + size};
  wp_config config;
  char *argv[] = {"puppet", NULL};
  wp_config_init(&config);
  config.n_workers = WORKERS;
  config.start = WP_START_SPAWN;
  config.argv = argv;
  config.output = take_byte(&in) & 15;
  memset(puppets, 0, sizeof(puppets));
  memset(parcels, 0, sizeof(parcels));
  memset(jobs, 0, sizeof(jobs));
  has_event = is_wild = 0;
  n_looks = 0;
  ended = 0;
  MUST(wp_open(&config, &pool) == WP_OK);
  for (unsigned i = 0; i < MOST_STEPS && input_left(&in); i++) step(&in);
  if (is_wild)
    for (unsigned i = 0; i < 50; i++) next();
  else
    finish();
  for (unsigned w = 0; w < WORKERS; w++) drop(&puppets[w]);
  wp_close(pool);
  return 0;
}
