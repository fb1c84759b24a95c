/*
** Launch: the four ways in which a worker comes to be, and how each ends.
** Everything else in the engine is the same for all of them.
*/
#include "bell.h"
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* ---- fork --------------------------------------------------------------- */

void wp_ends_close(wp_ends *ends) {
  wp_fd_close(&ends->bell);
  for (unsigned i = 0; i < WP_STREAMS; i++) wp_fd_close(&ends->output[i]);
}

static int launch_fork(wp_pool *p, unsigned w, wp_ends ends) {
  wp_host_worker *hw = &p->workers[w];
  int status = wp_process_fork(&hw->pid, &hw->pidfd);
  if (status == 1) wp_process_leave(wp_worker_live(p, w, ends, 0));
  wp_ends_close(&ends);
  return status;
}

/* ---- another program ---------------------------------------------------- */

void wp_launch_link(char text[WP_LINK_BYTES], const wp_pool *p, int region,
                    wp_ends ends, int server, unsigned w) {
  snprintf(text, WP_LINK_BYTES, "%d:%d:%d:%d:%d:%d:%u:%u:%zu", region,
           ends.bell, ends.output[0], ends.output[1], p->hub, server, w,
           p->config.n_workers, p->region.arena_size);
}

/* In a child of any fork the region's descriptor is closed (engine.c), so
** the one for the program is a copy. */
static int copy_of_region(const wp_pool *p) {
  int fd = fcntl(p->region.fd, F_DUPFD_CLOEXEC, WP_CLEAR_OF_STDIO);
  return fd < 0 ? -errno : fd;
}

uint64_t wp_launch_due(const wp_pool *p) {
  if (p->config.join_ms == 0) return 0;
  return wp_now_ns() + p->config.join_ms * UINT64_C(1000000);
}

static void await_joining(wp_pool *p, wp_host_worker *hw) {
  hw->due_ns = wp_launch_due(p);
  p->awaits |= hw->due_ns != 0;
}

static int launch_spawn(wp_pool *p, unsigned w, wp_ends ends) {
  char link[WP_LINK_BYTES];
  wp_host_worker *hw = &p->workers[w];
  int region = copy_of_region(p);
  int status = region;
  if (region >= 0) {
    const int keep[] = {region, ends.bell, p->hub, ends.output[0],
                        ends.output[1]};
    wp_launch_link(link, p, region, ends, -1, w);
    status = wp_process_spawn(p->config.argv, link, keep, 5, &hw->pid,
                              &hw->pidfd);
    close(region);
  }
  wp_ends_close(&ends);
  if (status == WP_OK) await_joining(p, hw);
  return status;
}

static int start_server(wp_pool *p) {
  int region = copy_of_region(p);
  if (region < 0) return region;
  int status = wp_server_start(p, region);
  p->n_servers++;
  close(region);
  return status;
}

static int fork_by_server(wp_pool *p, unsigned w, wp_ends ends) {
  int status = p->server ? WP_OK : start_server(p);
  if (status < 0) return status;
  p->workers[w].server = p->n_servers;
  return wp_server_fork(p->server, w, ends, &p->workers[w].pid);
}

#define MOST_SERVERS 5 /* to be tried for one worker */

/* A server that was killed has a successor. What it knew of how its children
** ended is lost; they died with it. */
static int launch_server(wp_pool *p, unsigned w, wp_ends ends) {
  wp_host_worker *hw = &p->workers[w];
  int status = fork_by_server(p, w, ends);
  for (int n = 1; status == WP_ECLOSED && n < MOST_SERVERS; n++) {
    wp_launch_deinit(p);
    status = fork_by_server(p, w, ends);
  }
  wp_ends_close(&ends);
  if (status == -ETIMEDOUT) wp_launch_deinit(p);
  if (status == WP_OK) hw->pidfd = wp_process_watch(hw->pid);
  return status == WP_ECLOSED ? -ECHILD : status;
}

/* Nothing is known of a program but its name. One that knows nothing of us
** would be waited for as long as it likes. */
static int is_awaited(wp_pool *p, unsigned w, uint64_t now_ns) {
  wp_host_worker *hw = &p->workers[w];
  uint64_t due_ns = hw->due_ns;
  int is_known = hw->state != WP_WORKER_RUNNING ||
                 atomic_load(&p->region.lines[w].joined);
  if (due_ns == 0 || (!is_known && now_ns < due_ns)) return due_ns != 0;
  hw->due_ns = 0;
  if (!is_known) hw->strange = wp_kill(p, w) == WP_OK;
  return 0;
}

void wp_launch_end_strangers(wp_pool *p) {
  if (!p->awaits) return;
  uint64_t now_ns = wp_now_ns();
  p->awaits = 0;
  for (unsigned w = 0; w < p->config.n_workers; w++)
    p->awaits |= is_awaited(p, w, now_ns);
}

/* ---- threads ------------------------------------------------------------ */

typedef struct thread_start {
  wp_pool *pool;
  unsigned index;
  wp_ends ends;
} thread_start;

static void *live_as_thread(void *argument) {
  thread_start start = *(thread_start *)argument;
  wp_free(argument, sizeof(start));
  intptr_t status = wp_worker_live(start.pool, start.index, start.ends, 1);
  return (void *)status;
}

static int create_thread(wp_pool *p, unsigned w, thread_start *start) {
  sigset_t all, old;
  /* Signals are the host's business, in its own thread. */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int failed = pthread_create(&p->workers[w].thread, NULL, live_as_thread,
                              start);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return -failed;
}

static int launch_thread(wp_pool *p, unsigned w, wp_ends ends) {
  thread_start *start = wp_calloc(sizeof(*start));
  int status = start ? WP_OK : -ENOMEM;
  if (start) {
    *start = (thread_start){p, w, ends};
    status = create_thread(p, w, start);
  }
  if (status == WP_OK) return status;
  wp_free(start, sizeof(*start));
  wp_ends_close(&ends);
  return status;
}

/* ---- all ---------------------------------------------------------------- */

int wp_launch(wp_pool *p, unsigned w, wp_ends ends) {
  p->workers[w].pid = 0;
  switch (p->config.start) {
    case WP_START_SPAWN: return launch_spawn(p, w, ends);
    case WP_START_SERVER: return launch_server(p, w, ends);
    case WP_START_THREAD: return launch_thread(p, w, ends);
    default: return launch_fork(p, w, ends);
  }
}

static wp_ending join(wp_host_worker *hw) {
  void *status = NULL;
  pthread_join(hw->thread, &status);
  return (wp_ending){.known = 1, .exit_code = (int)(intptr_t)status};
}

wp_ending wp_launch_ending(wp_pool *p, unsigned w) {
  wp_host_worker *hw = &p->workers[w];
  wp_ending ending = {0};
  if (p->config.start == WP_START_THREAD) return join(hw);
  if (p->config.start == WP_START_SERVER) {
    int knows = p->server && p->n_servers == hw->server;
    return knows ? wp_server_ending(p->server, hw->pid) : ending;
  }
  (void)wp_process_reap(hw->pid, hw->pidfd, 1, &ending);
  return ending;
}

void wp_launch_deinit(wp_pool *p) {
  if (p->server) wp_server_stop(p->server);
  p->server = NULL;
}
