/*
** Engine, workers: how one is started, told to leave, woken and buried. When a
** worker dies its ring is read to the end first (engine_record.c); what then is
** still missing of its parcel was running or had not begun.
*/
#include "engine.h"

#include "bell.h"
#include "figures.h"
#include "queue.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

int wp_workers_init(wp_pool *p) {
  unsigned n = p->config.n_workers;
  p->workers = wp_calloc(n * sizeof(*p->workers));
  if (!p->workers) return -ENOMEM;
  for (unsigned w = 0; w < n; w++) {
    p->workers[w].pidfd = p->workers[w].bell = -1;
    wp_output_init(&p->workers[w].output);
  }
  wp_workers_init_output(p);
  return WP_OK;
}

static void close_descriptors(wp_host_worker *hw) {
  wp_fd_close(&hw->pidfd);
  wp_fd_close(&hw->bell);
  wp_output_close(&hw->output);
}

void wp_workers_deinit(wp_pool *p) {
  if (!p->workers) return;
  for (unsigned w = 0; w < p->config.n_workers; w++) {
    close_descriptors(&p->workers[w]);
    wp_bytes_free(&p->workers[w].assembly);
  }
  wp_free(p->workers, p->config.n_workers * sizeof(*p->workers));
}

/* ---- start and stop ---------------------------------------------------- */

static void reset_line(wp_line *line) {
  atomic_store(&line->open, 0);
  atomic_store(&line->started_ns, 0);
  atomic_store(&line->completed, 0);
  atomic_store(&line->phase, WP_IN_START);
  atomic_store(&line->wants_space, 0);
  atomic_store(&line->working_ns, 0);
  atomic_store(&line->waiting_ns, 0);
  atomic_store(&line->ring_head, 0);
  atomic_store(&line->open_at, 0);
  atomic_store(&line->ring_tail, 0);
  atomic_store(&line->stop, WP_STOP_NOT);
  for (int i = 0; i < WP_LOANS; i++) atomic_store(&line->loan[i], 0);
  atomic_store(&line->output_from[0], 0);
  atomic_store(&line->output_from[1], 0);
  atomic_store(&line->task, (uint64_t)WP_NO_SLOT << 32);
  atomic_store(&line->joined, 0);
}

static int watch(wp_pool *p, unsigned w) {
  wp_host_worker *hw = &p->workers[w];
  int status = wp_worker_watch_output(p, w);
  if (status < 0) return status;
  struct epoll_event e = {.events = EPOLLIN, .data.u64 = 1 + w};
  int fd = hw->pidfd;
  if (fd < 0) { /* no pidfd: the socket's hanging up will have to do */
    fd = hw->bell;
    e.events = EPOLLRDHUP;
  }
  return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : WP_OK;
}

static int adopt(wp_pool *p, unsigned w) {
  wp_host_worker *hw = &p->workers[w];
  hw->state = WP_WORKER_RUNNING;
  p->running++;
  int status = watch(p, w);
  if (status < 0) { /* it could die unnoticed, so it does now */
    (void)wp_kill(p, w);
    wp_worker_mark_dead(p, w);
  }
  return status;
}

int wp_start(wp_pool *p, unsigned w) {
  int fds[2];
  if (!wp_is_owner(p)) return WP_ECLOSED;
  if (w >= p->config.n_workers || p->workers[w].state != WP_WORKER_ABSENT)
    return WP_EINVAL;
  wp_host_worker *hw = &p->workers[w];
  int status = wp_region_map_ring(&p->region, w);
  if (status == WP_OK) status = wp_bell_pair(fds);
  if (status < 0) return status;
  reset_line(&p->region.lines[w]);
  if (atomic_load(&p->region.header->measures))
    wp_figures_begin(&p->region.figures[w]);
  wp_ends ends = {fds[1], {-1, -1}};
  hw->pidfd = -1;
  hw->bell = fds[0];
  hw->due_ns = 0;
  hw->strange = 0;
  status = wp_worker_open_output(p, w, &ends);
  if (status == WP_OK) status = wp_launch(p, w, ends);
  else wp_fd_close(&ends.bell);
  if (status == WP_OK) return adopt(p, w);
  close_descriptors(hw);
  return status;
}

static int is_running(const wp_pool *p, unsigned w) {
  return w < p->config.n_workers && p->workers[w].state == WP_WORKER_RUNNING;
}

int wp_running(const wp_pool *p, unsigned w) {
  return w < p->config.n_workers && p->workers[w].state != WP_WORKER_ABSENT;
}

unsigned wp_alive(const wp_pool *p) { return p->running; }

pid_t wp_worker_pid(const wp_pool *p, unsigned w) {
  return wp_running(p, w) ? p->workers[w].pid : -1;
}

/* What somebody has stopped (SIGSTOP) cannot leave. */
static void go_on(wp_pool *p, unsigned w) {
  const wp_host_worker *hw = &p->workers[w];
  if (p->config.start != WP_START_THREAD)
    wp_process_signal(hw->pid, hw->pidfd, SIGCONT);
}

int wp_stop(wp_pool *p, unsigned w) {
  if (!wp_is_owner(p)) return WP_ECLOSED;
  if (!is_running(p, w)) return WP_EINVAL;
  wp_line *line = &p->region.lines[w];
  int again = atomic_exchange(&line->stop, WP_STOP_WHEN_DONE) != WP_STOP_NOT;
  if (again || atomic_load(&line->started_ns) == 0) go_on(p, w);
  (void)wp_bell_ring(p->workers[w].bell); /* if it is gone, so be it */
  return WP_OK;
}

/* It leaves when it next replies or asks for work, and until then it runs. */
static int dismiss_thread(wp_pool *p, unsigned w) {
  atomic_store(&p->region.lines[w].stop, WP_STOP_NOW);
  (void)wp_bell_ring(p->workers[w].bell);
  if (p->config.interrupt) p->config.interrupt(w, p->config.ud);
  return WP_OK;
}

/* Whether it has come to its end already, of which we have not been told. A
** descriptor that somebody has closed under us says nothing. */
static int is_gone(const wp_host_worker *hw) {
  struct pollfd end = {.fd = hw->pidfd, .events = POLLIN};
  if (hw->pidfd < 0) end = (struct pollfd){.fd = hw->bell, .events = POLLRDHUP};
  return poll(&end, 1, 0) > 0 && (end.revents & end.events);
}

int wp_kill(wp_pool *p, unsigned w) {
  if (!wp_is_owner(p)) return WP_ECLOSED;
  if (!is_running(p, w)) return WP_EINVAL;
  if (is_gone(&p->workers[w])) return WP_ECLOSED;
  if (p->config.start == WP_START_THREAD) return dismiss_thread(p, w);
  wp_process_signal(p->workers[w].pid, p->workers[w].pidfd, SIGKILL);
  return WP_OK;
}

/* ---- waking ------------------------------------------------------------ */

static int wake_one_of(wp_pool *p, unsigned word, uint64_t mask) {
  wp_atomic64 *sleepers = &p->region.header->sleepers[word];
  uint64_t asleep = atomic_load(sleepers) & mask;
  while (asleep) {
    uint64_t bit = asleep & -asleep;
    unsigned w = word * 64 + (unsigned)__builtin_ctzll(bit);
    uint64_t before = atomic_fetch_and(sleepers, ~bit);
    if ((before & bit) && is_running(p, w) &&
        wp_bell_ring(p->workers[w].bell) == WP_OK)
      return 1;
    asleep &= ~bit;
  }
  return 0;
}

/* Whether those who look for tasks without sleeping are enough. One of them
** that gives up says that it sleeps before it looks a last time, so it sees
** what we have queued; one that dies is noticed, and others rung then. */
static int is_served(wp_pool *p) {
  unsigned words = (p->config.n_workers + 63) / 64;
  wp_queue *q = &p->region.queues[0];
  uint64_t waiting = atomic_load(&q->tail) - atomic_load(&q->head);
  uint64_t looking = 0;
  for (unsigned i = 0; i < words; i++) {
    uint64_t bits = atomic_load(&p->region.header->spinners[i]);
    looking += (uint64_t)__builtin_popcountll(bits);
  }
  return waiting <= looking;
}

void wp_worker_wake(wp_pool *p, int target) {
  if (target != WP_ANY) {
    wake_one_of(p, (unsigned)target / 64, (uint64_t)1 << (target % 64));
    return;
  }
  if (is_served(p)) return;
  unsigned words = (p->config.n_workers + 63) / 64;
  for (unsigned i = 0; i < words; i++)
    if (wake_one_of(p, i, UINT64_MAX)) return;
}

/* ---- death ------------------------------------------------------------- */

/* Without a pidfd a worker that has hung up counts as dead, and its end is
** waited for. It need not have come to it: all that is sure is that nobody can
** wake it any more. */
static void end_hung_up(wp_pool *p, const wp_host_worker *hw) {
  epoll_ctl(p->epoll, EPOLL_CTL_DEL, hw->bell, NULL);
  if (p->config.start != WP_START_THREAD)
    wp_process_signal(hw->pid, -1, SIGKILL);
}

void wp_worker_mark_dead(wp_pool *p, unsigned w) {
  wp_host_worker *hw = &p->workers[w];
  if (hw->state != WP_WORKER_RUNNING) return;
  hw->state = WP_WORKER_DEAD;
  p->ready[w / 64] |= (uint64_t)1 << (w % 64);
  if (hw->pidfd >= 0) epoll_ctl(p->epoll, EPOLL_CTL_DEL, hw->pidfd, NULL);
  else end_hung_up(p, hw);
}

static void exit_event(wp_pool *p, unsigned w, wp_event *e) {
  wp_host_worker *hw = &p->workers[w];
  wp_ending ending = wp_launch_ending(p, w);
  uint32_t slot = wp_parcel_claimed_by(p, w);
  /* A parcel that somebody has spoilt must end, too. */
  if (slot == WP_NO_SLOT) slot = wp_parcel_orphan(p);
  *e = (wp_event){.type = WP_EVENT_EXIT, .worker = w, .pid = hw->pid,
                  .known = ending.known, .signal = ending.signal,
                  .exit_code = ending.exit_code, .strange = hw->strange};
  e->phase = atomic_load(&p->region.lines[w].phase);
  if (slot == WP_NO_SLOT) return;
  e->holds = 1;
  e->tag = p->parcels[slot].tag;
  e->ticket = wp_ticket_of(p, slot);
  e->first = p->parcels[slot].received;
  e->count = p->parcels[slot].count - e->first;
  p->ended_slot = slot;
}

int wp_worker_take_exit(wp_pool *p, unsigned w, wp_event *e) {
  wp_host_worker *hw = &p->workers[w];
  uint64_t bit = (uint64_t)1 << (w % 64);
  if (wp_worker_take_last(p, w, e) || wp_worker_take_left(p, w, e)) return 1;
  exit_event(p, w, e);
  wp_worker_take_captured(p, w, e);
  p->completed += atomic_exchange(&p->region.lines[w].completed, 0);
  atomic_fetch_and(&p->region.header->sleepers[w / 64], ~bit);
  atomic_fetch_and(&p->region.header->spinners[w / 64], ~bit);
  wp_figures_end(&p->region.figures[w]);
  close_descriptors(hw);
  wp_bytes_free(&hw->assembly);
  wp_loan_recall(&hw->loans, &p->region.lines[w], &p->arena, 1);
  hw->state = WP_WORKER_ABSENT;
  p->running--;
  /* It may have been woken for a parcel that it did not live to claim. */
  if (wp_queue_waiting(&p->region.queues[0])) wp_worker_wake(p, WP_ANY);
  return 1;
}
