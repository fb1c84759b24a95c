/*
** Worker, attach: a worker whose process was executed for a pool, or forked
** by one that was. It finds all that it needs in its environment.
*/
#include "worker.h"

#include "bell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct link_numbers {
  int region, hub, server;
  wp_ends ends;
  unsigned index, n_workers;
  size_t arena_size;
} link_numbers;

static int read_link(link_numbers *n) {
  const char *text = getenv("WORKERPOOL_LINK");
  if (!text) return WP_EINVAL;
  int got = sscanf(text, "%d:%d:%d:%d:%d:%d:%u:%u:%zu", &n->region,
                   &n->ends.bell, &n->ends.output[0], &n->ends.output[1],
                   &n->hub, &n->server, &n->index, &n->n_workers,
                   &n->arena_size);
  unsetenv("WORKERPOOL_LINK");
  return got == 9 && n->index < n->n_workers ? WP_OK : WP_ECORRUPT;
}

static int become_server(const wp_worker *w) {
  atomic_store(&w->attached.header->server_joined, 1);
  return WP_ROLE_SERVER;
}

/* They must not reach what we execute ourselves. */
static void close_on_exec(const link_numbers *n) {
  const int fds[] = {n->region, n->ends.bell, n->ends.output[0],
                     n->ends.output[1], n->hub, n->server};
  for (unsigned i = 0; i < sizeof(fds) / sizeof(*fds); i++)
    if (fds[i] >= 0) fcntl(fds[i], F_SETFD, FD_CLOEXEC);
}

static int become(wp_worker *w, unsigned index, wp_ends ends) {
  if (index >= w->attached.header->n_workers) return WP_ECORRUPT;
  int status = wp_region_map_ring(&w->attached, index);
  wp_region_close_fd(&w->attached);
  if (status < 0) return status;
  wp_region mapped = w->attached;
  wp_worker_init(w, &mapped, index, ends, w->hub);
  w->attached = mapped;
  w->region = &w->attached;
  wp_worker_own_process(w);
  atomic_store(&w->line->joined, 1);
  return WP_ROLE_WORKER;
}

int wp_attach(wp_worker **out) {
  link_numbers n;
  int status = read_link(&n);
  *out = NULL;
  if (status < 0) return status;
  close_on_exec(&n);
  wp_process_turn_deaf(); /* an interpreter has a handler of its own */
  wp_worker *w = wp_calloc(sizeof(*w));
  if (!w) return -ENOMEM;
  w->server = n.server;
  w->hub = n.hub;
  w->bell = w->streams.terminal = -1;
  w->region = &w->attached;
  status = wp_region_attach(&w->attached, n.region, n.n_workers, n.arena_size);
  if (status == WP_OK)
    status = n.server >= 0 ? become_server(w) : become(w, n.index, n.ends);
  if (status >= 0) {
    *out = w;
    return status;
  }
  wp_region_free(&w->attached);
  wp_free(w, sizeof(*w));
  return status;
}

int wp_serve(wp_worker *w) {
  unsigned index = 0;
  if (w->server < 0) return WP_EINVAL; /* it would wait for nobody */
  wp_ends ends = {-1, {-1, -1}};
  int got = wp_server_serve(w->server, &index, &ends);
  return got == 1 ? become(w, index, ends) : got;
}

void wp_detach(wp_worker *w) {
  if (!w) return;
  wp_worker_end(w);
  wp_fd_close(&w->bell);
  wp_fd_close(&w->hub);
  wp_fd_close(&w->server);
  wp_region_free(&w->attached);
  wp_free(w, sizeof(*w));
}
