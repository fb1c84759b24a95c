/*
** Bell: see bell.h.
*/
#include "bell.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

int wp_fd_move(int fd, int least) {
  if (fd < 0 || fd >= least) return fd;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, least);
  if (moved < 0) return fd;
  close(fd);
  return moved;
}

void wp_fd_close(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

int wp_bell_pair(int fds[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    return -errno;
  fds[0] = wp_fd_move(fds[0], WP_CLEAR_OF_STDIO);
  fds[1] = wp_fd_move(fds[1], WP_CLEAR_OF_STDIO);
  return WP_OK;
}

int wp_bell_ring(int fd) {
  ssize_t n;
  do {
    n = send(fd, "!", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return -errno;
  return WP_OK;
}

int wp_bell_wait(int fd) {
  char bytes[64];
  ssize_t n;
  do {
    n = recv(fd, bytes, sizeof(bytes), 0);
  } while (n < 0 && errno == EINTR);
  return n > 0 ? WP_OK : WP_ECLOSED;
}

void wp_bell_hang_up(int *fd) {
  if (*fd >= 0) (void)shutdown(*fd, SHUT_RDWR);
  wp_fd_close(fd);
}

int wp_hub_open(int *fd) {
  int made = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (made < 0) return -errno;
  *fd = wp_fd_move(made, WP_CLEAR_OF_STDIO);
  return WP_OK;
}

void wp_hub_ring(int fd) {
  uint64_t one = 1;
  while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR) continue;
}

void wp_hub_clear(int fd) {
  uint64_t count;
  while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR) continue;
}
