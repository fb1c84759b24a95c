/*
** Worker: a worker's side of the engine, in its own process. It pulls
** parcels from its own queue and from the one it shares with its siblings,
** so it stays busy while the host computes; it sleeps on its bell when both
** are empty.
*/
#include "worker.h"

#include "bell.h"
#include "queue.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Thread_local wp_worker *the_worker; /* that runs here, or NULL */

/* A task that forks and lets the child return would give us a twin that
** writes into the same ring. The twin leaves when it comes back to us. Until
** then it says what it does where nobody looks: its line would be ours. What
** it held of our descriptors it closes at once, so that a process which
** outlives us does not keep up the appearance of our being alive. */
static int is_twin;
static wp_line line_of_nobody;
static wp_figures figures_of_nobody;

static void after_fork_child(void) {
  if (!the_worker) return;
  is_twin = 1;
  the_worker->line = &line_of_nobody;
  if (the_worker->laps.figures) the_worker->laps.figures = &figures_of_nobody;
  wp_fd_close(&the_worker->bell);
  wp_fd_close(&the_worker->hub);
}

static void install_twin_care(void) {
  pthread_atfork(NULL, NULL, after_fork_child);
}

void wp_worker_expect_twins(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install_twin_care);
}

int wp_worker_is_twin(void) { return is_twin; }

/* All time until now was for what it did so far; from now on it does that. */
static void turn_to(wp_worker *w, unsigned part, uint64_t now_ns) {
  if (w->laps.figures) wp_laps_turn(&w->laps, part, now_ns);
}

/* Whether the host wants figures may change between parcels. */
static void attend(wp_worker *w) {
  unsigned level = atomic_load_explicit(&w->region->header->measures,
                                        memory_order_relaxed);
  if (level == WP_MEASURE_NOT) {
    turn_to(w, WP_PART_NONE, 0);
    w->laps.figures = NULL;
  } else if (!w->laps.figures) {
    wp_laps_init(&w->laps, &w->region->figures[w->index]);
  }
}

void wp_worker_init(wp_worker *w, const wp_region *region, unsigned index,
                    wp_ends ends, int hub) {
  *w = (wp_worker){.region = region,
                   .line = &region->lines[index],
                   .index = index,
                   .bell = ends.bell,
                   .hub = hub,
                   .server = -1};
  wp_streams_init(&w->streams, ends.output,
                  atomic_load(&w->line->marks) ? region->header->token : NULL);
  wp_ring_writer_init(&w->writer, wp_region_ring(region, index), w->line);
  attend(w);
}

/* From here on this thread is worker w and nothing else. */
static void own_thread(wp_worker *w) {
  wp_worker_expect_twins();
  the_worker = w;
}

/* And so is this process. */
void wp_worker_own_process(wp_worker *w) {
  w->bell = wp_fd_move(w->bell, WP_OUT_OF_THE_WAY);
  w->hub = wp_fd_move(w->hub, WP_OUT_OF_THE_WAY);
  wp_streams_own(&w->streams);
  is_twin = 0;
  own_thread(w);
}

void wp_worker_end(wp_worker *w) {
  if (is_twin) _exit(0);
  if (!w->line) return; /* a server, which has no line */
  if (!wp_worker_is_dismissed(w)) (void)wp_finish(w);
  turn_to(w, WP_PART_NONE, wp_now_ns());
  /* This tells the host, also while a process that another thread has forked
  ** meanwhile holds a copy. */
  if (w->is_thread) wp_bell_hang_up(&w->bell);
  the_worker = NULL;
}

int wp_worker_live(const wp_pool *p, unsigned index, wp_ends ends,
                   int is_thread) {
  wp_worker w;
  wp_worker_init(&w, &p->region, index, ends, p->hub);
  w.is_thread = is_thread;
  if (is_thread) own_thread(&w);
  else wp_worker_own_process(&w);
  int status = p->config.worker_main(&w, p->config.ud);
  wp_worker_end(&w);
  return status;
}

/* ---- what it is asked -------------------------------------------------- */

int wp_worker_setup(const wp_worker *w, const void **data, size_t *length) {
  const wp_header *header = w->region->header;
  *data = w->region->arena + header->setup_offset;
  *length = header->setup_length;
  return header->setup_length > 0;
}

int wp_worker_terminal(const wp_worker *w) { return w->streams.terminal; }

FILE *wp_worker_stream(FILE *stream) { return wp_streams_now(stream); }

size_t wp_worker_printed(const wp_worker *w, char *buffer, size_t size,
                         uint64_t *total) {
  uint32_t index = w->has_parcel ? w->done : 0;
  return wp_output_tail(w->streams.file,
                        atomic_load(&w->line->output_from[index & 1]), buffer,
                        size, total);
}

/* From here on it prints for the next task of its parcel, if there is one. */
void wp_worker_turn_streams(wp_worker *w, uint32_t index) {
  if (!w->streams.is_asked) return;
  int holds = w->has_parcel && index < w->count;
  wp_streams_turn(&w->streams, w->line, index, holds, w->tag + index);
}

void wp_note(wp_worker *w, uint32_t number) {
  wp_atomic32 *note = &w->region->header->note;
  uint32_t most = atomic_load(note);
  while (most < number && !atomic_compare_exchange_weak(note, &most, number))
    continue;
}

void wp_dismiss(wp_worker *w) { atomic_store(&w->line->stop, WP_STOP_NOW); }

int wp_worker_is_thread(const wp_worker *w) { return w->is_thread; }

wp_laps *wp_worker_laps(wp_worker *w) {
  return w->laps.figures ? &w->laps : NULL;
}

int wp_worker_traced(const wp_worker *w, uint64_t *launched_ns) {
  const wp_header *header = w->region->header;
  *launched_ns = atomic_load(&w->region->figures[w->index].launched_ns);
  return atomic_load(&header->measures) == WP_MEASURE_TRACE;
}

unsigned wp_worker_index(const wp_worker *w) { return w->index; }

/* ---- parcels ------------------------------------------------------------ */

uint64_t wp_worker_end_parcel(wp_worker *w) {
  uint64_t now_ns = wp_now_ns(), worked = now_ns - w->began_ns;
  w->has_parcel = 0;
  atomic_store_explicit(&w->line->started_ns, 0, memory_order_release);
  turn_to(w, WP_PART_INPUT, now_ns);
  atomic_fetch_add(&w->line->working_ns, worked);
  return worked;
}

int wp_finish(wp_worker *w) {
  if (!w->has_parcel) return WP_OK;
  if (is_twin) _exit(0);
  uint64_t worked = wp_worker_end_parcel(w);
  return wp_worker_publish(w, WP_RECORD_LAST, worked);
}

static int claim(wp_worker *w, uint32_t *slot) {
  wp_queue *queues = w->region->queues;
  wp_slot *slots = w->region->slots;
  return wp_queue_claim(&queues[1 + w->index], slots, w->index, slot) ||
         wp_queue_claim(&queues[0], slots, w->index, slot);
}

static int anything_to_do(void *ud) {
  wp_worker *w = ud;
  wp_queue *queues = w->region->queues;
  return wp_queue_waiting(&queues[1 + w->index]) ||
         wp_queue_waiting(&queues[0]) || atomic_load(&w->line->stop);
}

/* The host need not ring us while we look ourselves. */
static int spin_for_parcels(wp_worker *w) {
  wp_atomic64 *spinners = &w->region->header->spinners[w->index / 64];
  atomic_fetch_or(spinners, wp_worker_bit(w));
  int found = wp_spin_for(&w->spin, anything_to_do, w);
  atomic_fetch_and(spinners, ~wp_worker_bit(w));
  return found;
}

/* Says that it sleeps, looks once more, sleeps: see engine.c for the same
** on the host's side. */
static int sleep_for_parcels(wp_worker *w) {
  wp_atomic64 *sleepers = &w->region->header->sleepers[w->index / 64];
  int status = WP_OK;
  atomic_fetch_or(sleepers, wp_worker_bit(w));
  if (!anything_to_do(w)) status = wp_bell_wait(w->bell);
  atomic_fetch_and(sleepers, ~wp_worker_bit(w));
  return status;
}

static int wait_for_parcels(wp_worker *w) {
  uint64_t began_ns = wp_now_ns();
  int status = WP_OK;
  atomic_store(&w->line->phase, WP_IN_IDLE);
  if (!spin_for_parcels(w)) {
    status = sleep_for_parcels(w);
    wp_spin_slept(&w->spin);
  }
  atomic_fetch_add(&w->line->waiting_ns, wp_now_ns() - began_ns);
  return status;
}

/* For who finds that it has taken too long. */
static void note_task(wp_worker *w) {
  atomic_store_explicit(&w->line->task, (uint64_t)w->slot << 32 | w->done,
                        memory_order_relaxed);
}

static void begin(wp_worker *w, uint32_t slot, wp_task_batch *batch) {
  const wp_slot *s = &w->region->slots[slot];
  const unsigned char *arena = w->region->arena;
  w->has_parcel = 1;
  w->slot = slot;
  w->generation = (uint32_t)(atomic_load(&s->owner) >> 32);
  w->done = 0;
  w->count = s->count;
  w->tag = s->tag;
  wp_worker_turn_streams(w, 0);
  w->began_ns = wp_now_ns();
  attend(w);
  turn_to(w, WP_PART_WORK, w->began_ns);
  *batch = (wp_task_batch){.tag = s->tag, .data = arena + s->offset,
                           .length = s->length,
                           .job_data = arena + s->job_offset,
                           .job_length = s->job_length, .job_id = s->job_id,
                           .count = s->count, .skip = s->skip,
                           .flags = s->flags};
  atomic_store(&w->line->phase, WP_IN_TASK);
  note_task(w);
  /* Who times its tasks wants to know as well when reading what to do with
  ** them takes for ever. */
  atomic_store_explicit(&w->line->started_ns, w->began_ns,
                        memory_order_release);
}

int wp_receive(wp_worker *w, wp_task_batch *batch) {
  uint32_t slot;
  if (!w->line) return WP_EINVAL; /* a server */
  int status = wp_finish(w);
  if (is_twin) _exit(0);
  wp_worker_turn_streams(w, 0);
  if (atomic_load(&w->line->phase) == WP_IN_START)
    turn_to(w, WP_PART_INPUT, wp_now_ns());
  while (status == WP_OK) {
    if (wp_worker_is_dismissed(w)) return WP_ECLOSED;
    if (claim(w, &slot)) {
      begin(w, slot, batch);
      return 1;
    }
    if (atomic_load(&w->line->stop)) return 0;
    status = wait_for_parcels(w);
  }
  return status;
}

/* The functions that are measured as a whole: init and exit. */
static void turn_to_phase(wp_worker *w, unsigned phase, int begins) {
  unsigned part = phase == WP_IN_INIT ? WP_PART_INIT : WP_PART_EXIT;
  if (phase == WP_IN_INIT || phase == WP_IN_EXIT)
    turn_to(w, begins ? part : WP_PART_INPUT, wp_now_ns());
}

void wp_stamp(wp_worker *w, unsigned phase, int begins) {
  turn_to_phase(w, phase, begins);
  if (phase == WP_IN_TASK && begins) note_task(w);
  atomic_store_explicit(&w->line->phase, phase, memory_order_relaxed);
  atomic_store_explicit(&w->line->started_ns, begins ? wp_now_ns() : 0,
                        memory_order_release);
}
