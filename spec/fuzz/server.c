/*
** Fuzz, server: the socket between a host and its forkserver. The input is
** what comes through it, as datagrams: to the host, answers and endings from a
** server that has lost its mind or speaks another version; to the server,
** requests, with descriptors or without. Nobody is forked here. Whatever
** comes, both sides come to an end, keep to their memory, and the server
** leaves no descriptor of a refused request open.
**
** wrap: wp_process_spawn wp_process_fork wp_process_reap
*/
#include "bell.h"
#include "engine.h"
#include "input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int theirs = -1; /* the server's end */
static int fork_result;

int __wrap_wp_process_spawn(char *const *argv, const char *link,
                            const int *keep, unsigned n_keep, pid_t *pid,
                            int *pidfd);
int __wrap_wp_process_spawn(char *const *argv, const char *link,
                            const int *keep, unsigned n_keep, pid_t *pid,
                            int *pidfd) {
  (void)argv;
  MUST(strlen(link) > 0 && n_keep == 3);
  theirs = dup(keep[2]);
  *pid = 0;
  *pidfd = -1;
  return WP_OK;
}

int __wrap_wp_process_fork(pid_t *pid, int *pidfd);
int __wrap_wp_process_fork(pid_t *pid, int *pidfd) {
  if (fork_result < 0) return fork_result;
  *pid = 1000;
  *pidfd = -1;
  return fork_result;
}

/* Every child has ended when it is asked for. */
int __wrap_wp_process_reap(pid_t pid, int pidfd, int block,
                           wp_ending *ending);
int __wrap_wp_process_reap(pid_t pid, int pidfd, int block,
                           wp_ending *ending) {
  (void)pid;
  (void)pidfd;
  (void)block;
  *ending = (wp_ending){.known = 1};
  return 1;
}

static unsigned count_descriptors(void) {
  unsigned n = 0;
  DIR *dir = opendir("/proc/self/fd");
  MUST(dir != NULL);
  while (readdir(dir)) n++;
  closedir(dir);
  return n;
}

/* ---- datagrams ---------------------------------------------------------- */

static void send_with(int socket, const void *data, size_t length,
                      const int *fds, size_t n) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(8 * sizeof(int))];
  } control = {0};
  struct iovec v = {(void *)data, length};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
  if (n > 0) {
    m.msg_control = &control;
    m.msg_controllen = CMSG_SPACE(n * sizeof(int));
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(h), fds, n * sizeof(int));
  }
  (void)!sendmsg(socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Up to 20 datagrams of up to 63 bytes; 0xFF: one as the other side would. */
static void send_all(int socket, input *in, int with_descriptors) {
  const int fds[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  for (unsigned i = 0; i < 20 && input_left(in); i++) {
    unsigned char data[64] = {0};
    unsigned length = take_byte(in) % sizeof(data);
    unsigned n = with_descriptors ? take_byte(in) % 9 : 0;
    for (unsigned k = 0; k < length; k++) data[k] = (uint8_t)take_byte(in);
    send_with(socket, data, length, fds, n);
  }
}

/* ---- both sides --------------------------------------------------------- */

static wp_ends some_ends(int with_output) {
  int out = with_output ? dup(0) : -1, err = with_output ? dup(0) : -1;
  return (wp_ends){dup(0), {out, err}};
}

static void be_host(input *in) {
  static wp_header header;
  static wp_pool p = {.region = {.header = &header}};
  pid_t pid = 0;
  MUST(wp_server_start(&p, 0) == WP_OK);
  unsigned calls = take_byte(in) % 16;
  send_all(theirs, in, 0);
  close(theirs);
  for (unsigned i = 0; i < calls; i++) {
    wp_ends ends = some_ends(i & 1);
    int status = wp_server_fork(p.server, i, ends, &pid);
    if (status == WP_OK) (void)wp_server_ending(p.server, pid);
    wp_ends_close(&ends);
  }
  (void)wp_server_ending(p.server, 0);
  wp_server_stop(p.server);
}

static void be_server(input *in) {
  int fds[2];
  wp_ends ends = {-1, {-1, -1}};
  unsigned w = 0;
  sigset_t old;
  sigprocmask(SIG_SETMASK, NULL, &old);
  MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
  static const int results[] = {WP_OK, WP_OK, -EAGAIN, 1};
  fork_result = results[take_byte(in) % 4];
  send_all(fds[1], in, 1);
  shutdown(fds[1], SHUT_WR);
  int got = wp_server_serve(fds[0], &w, &ends);
  MUST(got == 0 || got == 1);
  if (got == 1) {
    wp_ends_close(&ends); /* in the child, which has closed its own copy */
  } else {
    close(fds[0]);
  }
  close(fds[1]);
  sigprocmask(SIG_SETMASK, &old, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, data + size};
  unsigned before = count_descriptors();
  if (take_byte(&in) & 1) be_host(&in);
  else be_server(&in);
  MUST(count_descriptors() <= before);
  return 0;
}
