/*
** Engine: the life of a pool and its one door, wp_next. The host sleeps in
** one place, an epoll of the hub (workers ring it) and of a pidfd for each
** worker. Events come back as values; nobody is called from in here.
**
** Going to sleep: the host says so in the header, looks once more, sleeps.
** A worker publishes, then reads what the host has said. Both sides use
** sequentially consistent stores, so one of them sees the other. The host
** also says so whenever it leaves the engine with nothing left to take, and
** so a host that polls wp_descriptor is told.
*/
#include "engine.h"

#include "bell.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifdef WP_TEST
#define EVENTS_A_LOOK 2
#define EPOLL_BATCH 1
#else
#define EVENTS_A_LOOK 128 /* then the descriptors get a look even if busy */
#define EPOLL_BATCH 64
#endif
#define HUB_TOKEN 0
/* A signal that comes just before the host sleeps interrupts nothing, so a host
** that waits without a limit gets a look at what its handler has left behind
** this often; and loans are recalled. */
#define LONGEST_NAP_MS 500

/* ---- all pools of this process ----------------------------------------- */

static pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER;
static wp_pool *pools;

static void enlist(wp_pool *p) {
  pthread_mutex_lock(&pools_lock);
  p->next = pools;
  pools = p;
  pthread_mutex_unlock(&pools_lock);
}

static void delist(wp_pool *p) {
  pthread_mutex_lock(&pools_lock);
  wp_pool **at = &pools;
  while (*at && *at != p) at = &(*at)->next;
  if (*at) *at = p->next;
  pthread_mutex_unlock(&pools_lock);
}

static void close_host_ends(wp_pool *p) {
  wp_fd_close(&p->epoll);
  wp_fd_close(&p->alarm);
  wp_region_close_fd(&p->region);
  if (p->server) wp_server_hang_up(p->server);
  for (unsigned w = 0; w < p->config.n_workers; w++) {
    wp_fd_close(&p->workers[w].bell);
    wp_fd_close(&p->workers[w].pidfd);
    wp_output_close(&p->workers[w].output);
  }
}

/* A forked child holds copies of the host's ends of every socket. While it
** kept them, no worker would ever see the end of file that says that the
** host is dead. Runs in the child of any fork in this process, whoever
** calls it; only async-signal-safe calls. */
static void close_all_host_ends(void) {
  for (wp_pool *p = pools; p; p = p->next) close_host_ends(p);
}

static void before_fork(void) { pthread_mutex_lock(&pools_lock); }
static void after_fork_parent(void) { pthread_mutex_unlock(&pools_lock); }
static void after_fork_child(void) {
  close_all_host_ends();
  pthread_mutex_unlock(&pools_lock);
}

static void install_fork_care(void) {
  pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

/* ---- open and close ----------------------------------------------------- */

unsigned wp_cpu_count(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    int n = CPU_COUNT(&set);
    if (n > 0) return (unsigned)n;
  }
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (unsigned)online : 1;
}

void wp_config_init(wp_config *config) {
  *config = (wp_config){.n_workers = wp_cpu_count(),
                        .join_ms = WP_LIMIT_JOIN_MS};
  if (config->n_workers > WP_LIMIT_WORKERS)
    config->n_workers = WP_LIMIT_WORKERS;
}

static int open_door(wp_pool *p) {
  int made = epoll_create1(EPOLL_CLOEXEC);
  if (made < 0) return -errno;
  p->epoll = wp_fd_move(made, WP_CLEAR_OF_STDIO);
  int status = wp_hub_open(&p->hub);
  if (status < 0) return status;
  struct epoll_event e = {.events = EPOLLIN, .data.u64 = HUB_TOKEN};
  if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->hub, &e) < 0) return -errno;
  return WP_OK;
}

/* A copy in one block: the list, then the words. */
static int copy_argv(wp_pool *p, char *const *argv) {
  size_t n = 0, text = 0;
  while (argv[n]) text += strlen(argv[n++]) + 1;
  p->argv_size = (n + 1) * sizeof(char *) + text;
  p->argv = wp_calloc(p->argv_size);
  if (!p->argv) return -ENOMEM;
  char *at = (char *)(p->argv + n + 1);
  for (size_t i = 0; i < n; i++) {
    p->argv[i] = at;
    at = stpcpy(at, argv[i]) + 1;
  }
  p->config.argv = p->argv;
  return WP_OK;
}

static int open_parts(wp_pool *p) {
  int status = p->config.argv ? copy_argv(p, p->config.argv) : WP_OK;
  if (status < 0) return status;
  status = wp_region_create(&p->region, p->config.n_workers);
  if (status == WP_OK) status = wp_workers_init(p);
  if (status == WP_OK) status = wp_parcels_init(p);
  if (status == WP_OK) status = open_door(p);
  return status;
}

static void free_pool(wp_pool *p) {
  if (p->workers) wp_launch_deinit(p);
  wp_workers_deinit(p);
  if (p->parcels) wp_parcels_deinit(p);
  wp_fd_close(&p->epoll);
  wp_fd_close(&p->hub);
  wp_fd_close(&p->alarm);
  wp_region_free(&p->region);
  wp_bytes_free(&p->talk.bytes);
  wp_free(p->argv, p->argv_size);
  wp_free(p, sizeof(*p));
}

/* From here on a worker that has news rings the hub. */
static void say_waiting(wp_pool *p) {
  atomic_store(&p->region.header->host_waits, 1);
}

static int needs_program(const wp_config *c) {
  return c->start == WP_START_SPAWN || c->start == WP_START_SERVER;
}

static int is_sound(const wp_config *c) {
  if (c->n_workers < 1 || c->n_workers > WP_LIMIT_WORKERS) return 0;
  if ((unsigned)c->start > WP_START_THREAD) return 0;
  if (needs_program(c)) return c->argv && c->argv[0];
  return c->worker_main != NULL;
}

int wp_open(const wp_config *config, wp_pool **out) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install_fork_care);
  wp_worker_expect_twins();
  *out = NULL; /* who cleans up after a failure may close it */
  if (!is_sound(config)) return WP_EINVAL;
  wp_pool *p = wp_calloc(sizeof(*p));
  if (!p) return -ENOMEM;
  p->config = *config;
  p->epoll = p->hub = p->alarm = p->region.fd = -1;
  int status = open_parts(p);
  if (status < 0) {
    free_pool(p);
    return status;
  }
  say_waiting(p); /* who polls the descriptor first is told, too */
  enlist(p);
  *out = p;
  return WP_OK;
}

/* A thread cannot be killed, only dismissed; it is waited for. */
static void bury_all(wp_pool *p) {
  for (unsigned w = 0; w < p->config.n_workers; w++) (void)wp_kill(p, w);
  for (unsigned w = 0; w < p->config.n_workers; w++)
    if (wp_running(p, w)) (void)wp_launch_ending(p, w);
}

/* In a copy of ours, in any child, the host's ends are closed; what it did in
** the shared memory all the same, the host would never hear of. */
int wp_is_owner(const wp_pool *p) { return p->epoll >= 0; }

void wp_close(wp_pool *p) {
  if (!p) return;
  delist(p);
  if (wp_is_owner(p)) bury_all(p);
  free_pool(p);
}

/* ---- the door ----------------------------------------------------------- */

/* The bits of a word that stand for workers of this pool. */
static uint64_t real_ones(const wp_pool *p, unsigned word) {
  unsigned left = p->config.n_workers - word * 64;
  return left < 64 ? ((uint64_t)1 << left) - 1 : UINT64_MAX;
}

/* Takes the workers' ready bits; 1 when there is any. */
static int collect_ready(wp_pool *p) {
  unsigned words = (p->config.n_workers + 63) / 64;
  uint64_t any = 0;
  for (unsigned i = 0; i < words; i++) {
    wp_atomic64 *ready = &p->region.header->ready[i];
    if (atomic_load(ready))
      p->ready[i] |= atomic_exchange(ready, 0) & real_ones(p, i);
    any |= p->ready[i];
  }
  return any != 0;
}

static int next_ready(const wp_pool *p, unsigned *w) {
  unsigned n = p->config.n_workers;
  for (unsigned i = 0, at = p->next_worker; i < n; i++, at++) {
    if (at >= n) at = 0;
    if (!(p->ready[at / 64] >> (at % 64) & 1)) continue;
    *w = at;
    return 1;
  }
  return 0;
}

static void forget_ready(wp_pool *p, unsigned w) {
  p->ready[w / 64] &= ~((uint64_t)1 << (w % 64));
}

/* One event from a worker that has said something or is dead. */
static int take_from(wp_pool *p, unsigned w, wp_event *event) {
  if (p->workers[w].state == WP_WORKER_ABSENT) { /* its ring may not be there */
    forget_ready(p, w);
    return 0;
  }
  if (wp_worker_take_printed(p, w, event)) return 1;
  int got = wp_worker_take_record(p, w, event);
  if (got == 1) return 1;
  if (got == WP_ECORRUPT && p->workers[w].state == WP_WORKER_RUNNING) {
    /* Out of its mind. Nothing more is read from it; its death follows. */
    (void)wp_kill(p, w);
    forget_ready(p, w);
    return 0;
  }
  if (got < 0 && got != WP_ECORRUPT) return got;
  if (p->workers[w].state == WP_WORKER_DEAD) {
    got = wp_worker_take_exit(p, w, event);
    if (event->type == WP_EVENT_EXIT) forget_ready(p, w);
    return got;
  }
  forget_ready(p, w);
  return 0;
}

/* Output is read until there is none: the descriptor tells only of more. */
static int take_talk(wp_pool *p, wp_event *event) {
  unsigned n = p->config.n_workers;
  for (unsigned i = 0; i < n; i++) {
    unsigned w = (p->next_talker + i) % n;
    uint64_t bit = (uint64_t)1 << (w % 64);
    if (!(p->talked[w / 64] & bit)) continue;
    p->next_talker = w + 1;
    if (wp_worker_take_output(p, w, event)) return 1;
    p->talked[w / 64] &= ~bit;
  }
  return 0;
}

static int take_record(wp_pool *p, wp_event *event) {
  unsigned w;
  while (collect_ready(p) && next_ready(p, &w)) {
    int got = take_from(p, w, event);
    if (got != 0) return got;
    p->next_worker = w + 1;
  }
  return 0;
}

/* By turns, so that he who prints without end does not hold up results. */
static int take_event(wp_pool *p, wp_event *event) {
  int got = 0;
  if (!(p->config.output & WP_RELAYED) && p->talk.bytes.data == NULL)
    return take_record(p, event);
  if (wp_worker_take_rest(p, event)) return 1;
  p->listens = !p->listens;
  if (p->listens) got = take_talk(p, event);
  if (got == 0) got = take_record(p, event);
  return got == 0 && !p->listens ? take_talk(p, event) : got;
}

static void clear_hub(wp_pool *p) {
  wp_hub_clear(p->hub);
  p->has_rung = 0;
}

/* That the time has come is all it says. */
static void clear_alarm(wp_pool *p) {
  uint64_t times;
  ssize_t got = read(p->alarm, &times, sizeof(times));
  (void)got;
}

static void note_token(wp_pool *p, uint64_t token) {
  uint64_t w = token & ~WP_TOKEN_OUTPUT;
  if (token == WP_TOKEN_ALARM) clear_alarm(p);
  else if (token & WP_TOKEN_OUTPUT)
    p->talked[w / 64] |= (uint64_t)1 << (w % 64);
  else if (token == HUB_TOKEN) clear_hub(p);
  else wp_worker_mark_dead(p, (unsigned)(token - 1));
}

static int poll_descriptors(wp_pool *p, int timeout_ms) {
  struct epoll_event events[EPOLL_BATCH];
  p->since_poll = 0;
  wp_workers_trim_output(p);
  wp_launch_end_strangers(p);
  int n = epoll_wait(p->epoll, events, EPOLL_BATCH, timeout_ms);
  if (n < 0) return -errno; /* EINTR too: the host may have to act on it */
  for (int i = 0; i < n; i++) {
    note_token(p, events[i].data.u64);
  }
  return n;
}

static int found_ready(void *ud) { return collect_ready(ud); }

static int remaining_ms(int timeout_ms, uint64_t deadline_ns) {
  if (timeout_ms <= 0) return timeout_ms;
  uint64_t now = wp_now_ns();
  if (now >= deadline_ns) return 0;
  return (int)((deadline_ns - now + 999999) / 1000000);
}

static int next_event(wp_pool *p, int timeout_ms, wp_event *event) {
  uint64_t deadline = timeout_ms > 0
                          ? wp_now_ns() + (uint64_t)timeout_ms * 1000000u
                          : 0;
  wp_settle(p);
  if (++p->since_poll >= EVENTS_A_LOOK) (void)poll_descriptors(p, 0);
  for (;;) {
    int got = take_event(p, event);
    if (got != 0) return got;
    if (timeout_ms != 0 && wp_spin_for(&p->spin, found_ready, p)) continue;
    say_waiting(p);
    if (collect_ready(p)) continue;
    if (timeout_ms < 0 && p->running == 0) return 0;
    int wait_ms = remaining_ms(timeout_ms, deadline);
    int nap_ms = wait_ms < 0 || wait_ms > LONGEST_NAP_MS ? LONGEST_NAP_MS
                                                         : wait_ms;
    got = poll_descriptors(p, nap_ms);
    if (nap_ms != 0) wp_spin_slept(&p->spin);
    if (got < 0) return got;
    if (got == 0 && wait_ms == 0) return 0;
    if (got == 0 && nap_ms == LONGEST_NAP_MS) {
      wp_worker_recall_loans(p);
      if (timeout_ms < 0) return -EINTR;
    }
  }
}

/* Behind an event there may be others, whose workers have rung before. */
static void ring_oneself(wp_pool *p) {
  if (!p->is_watched || p->has_rung) return;
  p->has_rung = 1;
  wp_hub_ring(p->hub);
}

int wp_next(wp_pool *p, int timeout_ms, wp_event *event) {
  if (!wp_is_owner(p)) return WP_ECLOSED;
  int got = next_event(p, timeout_ms, event);
  if (got > 0) ring_oneself(p);
  return got;
}

int wp_more(wp_pool *p, wp_event *event) {
  if (!wp_is_owner(p)) return WP_ECLOSED;
  wp_settle(p);
  if (++p->since_poll >= EVENTS_A_LOOK) return 0;
  return take_event(p, event);
}

int wp_descriptor(wp_pool *p) {
  if (wp_is_owner(p) && !p->is_watched) {
    p->is_watched = 1;
    ring_oneself(p);
  }
  return p->epoll;
}

static int open_alarm(wp_pool *p) {
  int made = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (made < 0) return -errno;
  p->alarm = wp_fd_move(made, WP_CLEAR_OF_STDIO);
  struct epoll_event e = {.events = EPOLLIN, .data.u64 = WP_TOKEN_ALARM};
  if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->alarm, &e) == 0) return WP_OK;
  int status = -errno;
  wp_fd_close(&p->alarm);
  return status;
}

int wp_alarm(wp_pool *p, uint64_t at_ns) {
  if (!wp_is_owner(p)) return WP_ECLOSED;
  int status = p->alarm < 0 && at_ns > 0 ? open_alarm(p) : WP_OK;
  if (status < 0 || p->alarm < 0) return status;
  struct itimerspec at = {.it_value = {.tv_sec = (time_t)(at_ns / 1000000000u),
                                       .tv_nsec = (long)(at_ns % 1000000000u)}};
  return timerfd_settime(p->alarm, TFD_TIMER_ABSTIME, &at, NULL) < 0 ? -errno
                                                                    : WP_OK;
}
