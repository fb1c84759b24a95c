/*
** Server: a process that forks workers on request. It is executed afresh
** and so is small and has one thread, however large and threaded the host
** is. One socket between the two: the host sends a worker's number and its
** descriptors, the server answers with the pid, and tells how each child
** ended. End of file is the stop order; the children die with the server.
*/
#include "bell.h"
#include "engine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_ENDINGS WP_LIMIT_WORKERS

typedef struct told_ending {
  pid_t pid;
  wp_ending ending;
} told_ending;

struct wp_server {
  pid_t owner; /* process that started it */
  pid_t pid;
  int pidfd;
  int socket;
  uint64_t due_ns;     /* until then it must have joined; 0: or it need not */
  wp_atomic32 *joined; /* stored by it */
  told_ending told[MOST_ENDINGS]; /* and not asked for yet */
  unsigned n_told;
};

/* A message from the server: an answer when `forked`, else an ending. */
typedef struct report {
  int forked;
  pid_t pid; /* or -errno */
  wp_ending ending;
} report;

/* ---- a number and descriptors over the socket -------------------------- */

/* What comes with the descriptors: there may be none for what is printed. */
typedef struct request {
  unsigned worker;
  int has[WP_STREAMS];
} request;

typedef union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(wp_ends))];
} control;

static struct msghdr message_of(struct iovec *v, control *c) {
  struct msghdr m;
  memset(&m, 0, sizeof(m));
  m.msg_iov = v;
  m.msg_iovlen = 1;
  m.msg_control = c;
  m.msg_controllen = sizeof(*c);
  return m;
}

static void put_descriptors(struct msghdr *m, const int *fds, unsigned n) {
  struct cmsghdr *h = CMSG_FIRSTHDR(m);
  h->cmsg_level = SOL_SOCKET;
  h->cmsg_type = SCM_RIGHTS;
  h->cmsg_len = CMSG_LEN(n * sizeof(*fds));
  m->msg_controllen = CMSG_SPACE(n * sizeof(*fds));
  memcpy(CMSG_DATA(h), fds, n * sizeof(*fds));
}

static int send_request(int socket, unsigned w, wp_ends ends) {
  request r = {w, {0}};
  int fds[1 + WP_STREAMS] = {ends.bell};
  unsigned n_fds = 1;
  for (unsigned i = 0; i < WP_STREAMS; i++) {
    r.has[i] = ends.output[i] >= 0;
    if (r.has[i]) fds[n_fds++] = ends.output[i];
  }
  control c = {0};
  struct iovec v = {&r, sizeof(r)};
  struct msghdr m = message_of(&v, &c);
  put_descriptors(&m, fds, n_fds);
  ssize_t n;
  do {
    n = sendmsg(socket, &m, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return n == (ssize_t)sizeof(r) ? WP_OK : WP_ECLOSED;
}

static int is_whole(const request *r, unsigned n_fds) {
  unsigned wanted = 1;
  for (unsigned i = 0; i < WP_STREAMS; i++) wanted += r->has[i] != 0;
  return n_fds == wanted;
}

static void hand_out(const request *r, const int *fds, unsigned *w,
                     wp_ends *ends) {
  *w = r->worker;
  ends->bell = *fds++;
  for (unsigned i = 0; i < WP_STREAMS; i++)
    ends->output[i] = r->has[i] ? *fds++ : -1;
}

#define MOST_DESCRIPTORS (2 + WP_STREAMS) /* the control's room is rounded up */

/* Those that have come with a message; returns their number. */
static unsigned take_descriptors(struct msghdr *m, int fds[MOST_DESCRIPTORS]) {
  struct cmsghdr *h = CMSG_FIRSTHDR(m);
  if (!h || h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
    return 0;
  size_t size = h->cmsg_len - CMSG_LEN(0);
  memcpy(fds, CMSG_DATA(h), size);
  return (unsigned)(size / sizeof(*fds));
}

/* 1, or 0 at the end of file, or at what is no request. */
static int receive_request(int socket, unsigned *w, wp_ends *ends) {
  request r;
  int fds[MOST_DESCRIPTORS];
  control c = {0};
  struct iovec v = {&r, sizeof(r)};
  struct msghdr m = message_of(&v, &c);
  ssize_t n;
  do {
    n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  unsigned n_fds = n < 0 ? 0 : take_descriptors(&m, fds);
  if (n == (ssize_t)sizeof(r) && is_whole(&r, n_fds)) {
    hand_out(&r, fds, w, ends);
    return 1;
  }
  for (unsigned i = 0; i < n_fds; i++) wp_fd_close(&fds[i]);
  return 0;
}

/* Milliseconds; then a server that somebody has stopped is made to go on. */
#define PATIENCE_MS 500

static int is_stranger(const wp_server *s) {
  return s->due_ns && !atomic_load(s->joined) && wp_now_ns() >= s->due_ns;
}

static int await_report(const wp_server *s) {
  struct pollfd fd = {.fd = s->socket, .events = POLLIN};
  /* Also when a signal ends the wait: further ones may come sooner. */
  while (poll(&fd, 1, PATIENCE_MS) < 1) {
    if (is_stranger(s)) {
      wp_process_signal(s->pid, s->pidfd, SIGKILL);
      return -ETIMEDOUT;
    }
    wp_process_signal(s->pid, s->pidfd, SIGCONT);
  }
  return WP_OK;
}

static int read_report(const wp_server *s, report *r) {
  ssize_t n;
  int status = await_report(s);
  if (status < 0) return status;
  do {
    n = recv(s->socket, r, sizeof(*r), 0);
  } while (n < 0 && errno == EINTR);
  return n == (ssize_t)sizeof(*r) ? WP_OK : WP_ECLOSED;
}

static void send_report(int socket, report r) {
  (void)!send(socket, &r, sizeof(r), MSG_NOSIGNAL);
}

/* ---- the host's side ---------------------------------------------------- */

static int open_sockets(int *ours, int *theirs) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
    return -errno;
  *ours = wp_fd_move(fds[0], WP_CLEAR_OF_STDIO);
  *theirs = wp_fd_move(fds[1], WP_CLEAR_OF_STDIO);
  return WP_OK;
}

static void await_joining(wp_server *s, wp_pool *p) {
  s->joined = &p->region.header->server_joined;
  atomic_store(s->joined, 0);
  s->due_ns = wp_launch_due(p);
}

static int execute(wp_server *s, const wp_pool *p, int region, int socket) {
  char link[WP_LINK_BYTES];
  const int keep[] = {region, p->hub, socket};
  wp_launch_link(link, p, region, (wp_ends){-1, {-1, -1}}, socket, 0);
  return wp_process_spawn(p->config.argv, link, keep, 3, &s->pid, &s->pidfd);
}

int wp_server_start(wp_pool *p, int region) {
  int theirs = -1;
  wp_server *s = wp_calloc(sizeof(*s));
  if (!s) return -ENOMEM;
  s->owner = getpid();
  s->pidfd = s->socket = -1;
  await_joining(s, p);
  int status = open_sockets(&s->socket, &theirs);
  if (status == WP_OK) status = execute(s, p, region, theirs);
  wp_fd_close(&theirs);
  if (status == WP_OK) p->server = s;
  else wp_server_stop(s);
  return status;
}

static void keep_told(wp_server *s, const report *r) {
  if (s->n_told < MOST_ENDINGS)
    s->told[s->n_told++] = (told_ending){r->pid, r->ending};
}

int wp_server_fork(wp_server *s, unsigned w, wp_ends ends, pid_t *pid) {
  report r;
  int status = send_request(s->socket, w, ends);
  while (status == WP_OK) {
    status = read_report(s, &r);
    if (status < 0) return status;
    if (r.forked) break;
    keep_told(s, &r);
  }
  if (status == WP_OK && r.pid < 0) return r.pid;
  if (status == WP_OK) *pid = r.pid;
  return status;
}

static int find_told(wp_server *s, pid_t pid, wp_ending *ending) {
  for (unsigned i = 0; i < s->n_told; i++) {
    if (s->told[i].pid != pid) continue;
    *ending = s->told[i].ending;
    s->told[i] = s->told[--s->n_told];
    return 1;
  }
  return 0;
}

wp_ending wp_server_ending(wp_server *s, pid_t pid) {
  wp_ending ending = {0};
  report r;
  while (!find_told(s, pid, &ending)) {
    if (read_report(s, &r) < 0) break; /* the server is dead too */
    if (!r.forked) keep_told(s, &r);
  }
  return ending;
}

void wp_server_hang_up(wp_server *s) { wp_fd_close(&s->socket); }

/* One that somebody has stopped goes on, to read that it ends. No other, for at
** its end a leak checker stops it, which this would undo. */
void wp_server_stop(wp_server *s) {
  wp_ending ending;
  int is_ours = s->owner == getpid() && s->pid > 0;
  if (is_ours && wp_process_is_stopped(s->pid) != 0)
    wp_process_signal(s->pid, s->pidfd, SIGCONT);
  wp_server_hang_up(s);
  if (is_ours) (void)wp_process_reap(s->pid, s->pidfd, 1, &ending);
  wp_fd_close(&s->pidfd);
  wp_free(s, sizeof(*s));
}

/* ---- the server's side -------------------------------------------------- */

/* Children are noticed as readable input, so that one poll serves both. Where
** the host ignores their signal we are born to do so, too, and would be told
** of none. */
static int open_child_signals(void) {
  sigset_t set;
  signal(SIGCHLD, SIG_DFL);
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void report_endings(int socket, int signals, pid_t *children,
                           unsigned *n) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof(info)) > 0) continue;
  for (unsigned i = 0; i < *n;) {
    report r = {.pid = children[i]};
    if (!wp_process_reap(children[i], -1, 0, &r.ending)) {
      i++;
      continue;
    }
    children[i] = children[--*n];
    send_report(socket, r);
  }
}

/* 1 in the child. */
static int fork_one(int socket, int signals, wp_ends ends, pid_t *children,
                    unsigned *n) {
  pid_t pid = 0;
  int pidfd = -1;
  int status = wp_process_fork(&pid, &pidfd);
  if (status == 1) {
    close(socket);
    close(signals);
    return 1;
  }
  wp_fd_close(&pidfd);
  wp_ends_close(&ends);
  if (status == WP_OK) children[(*n)++] = pid;
  send_report(socket, (report){.forked = 1, .pid = status < 0 ? status : pid});
  return 0;
}

static int serve(int socket, int signals, unsigned *w, wp_ends *ends) {
  pid_t children[WP_LIMIT_WORKERS];
  unsigned n = 0;
  struct pollfd fds[] = {{.fd = socket, .events = POLLIN},
                         {.fd = signals, .events = POLLIN}};
  for (;;) {
    if (poll(fds, 2, -1) < 0) {
      if (errno != EINTR) return -errno;
      continue; /* what fds say is from the last time */
    }
    if (fds[1].revents) report_endings(socket, signals, children, &n);
    if (!fds[0].revents) continue;
    if (n == WP_LIMIT_WORKERS || !receive_request(socket, w, ends)) return 0;
    if (fork_one(socket, signals, *ends, children, &n)) return 1;
  }
}

int wp_server_serve(int socket, unsigned *w, wp_ends *ends) {
  int signals = open_child_signals();
  if (signals < 0) return -errno;
  int status = serve(socket, signals, w, ends);
  if (status != 1) close(signals); /* the child has done so */
  return status;
}
