/*
** Fuzz, link: WORKERPOOL_LINK, which tells an executed program of its pool, and
** the address of the heap of shared objects. Both come by ways that somebody
** else may have filled: an environment, a message. The numbers in it are the
** input's, written out as text or as they are; descriptors 40 to 43 are a real
** pool's region, a file that is too short, a file of the right size, a socket.
** Only the real one may be taken, and only with its own sizes.
*/
#include "input.h"
#include "region.h"
#include "shared_map.h"
#include "shm.h"
#include "workerpool.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REAL = 40, SHORT, EMPTY, SOCKET, BELL, HUB, WORKERS = 2 };

static wp_region region;

static void make_region(void) {
  struct stat s;
  int fds[2], made;
  MUST(wp_region_create(&region, WORKERS) == WP_OK);
  MUST(fstat(region.fd, &s) == 0);
  MUST(wp_shm_create(100, &made) == WP_OK && dup2(made, SHORT) == SHORT);
  close(made);
  MUST(wp_shm_create((size_t)s.st_size, &made) == WP_OK);
  MUST(dup2(made, EMPTY) == EMPTY);
  close(made);
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  MUST(dup2(fds[0], SOCKET) == SOCKET);
  close(fds[0]);
  close(fds[1]);
}

static long take_field(input *in, unsigned i) {
  static const long usual[] = {REAL, BELL, -1, -1, HUB, -1, 0, WORKERS,
                               (long)WP_LIMIT_ARENA};
  unsigned kind = take_byte(in);
  if (kind < 160) return usual[i];
  if (kind < 176) return REAL + kind % 4;
  if (kind < 200) return (long)take_byte(in) - 8;
  /* No other descriptor of this process may be closed. */
  return i < 6 ? 100 + (long)take_number(in, 3) : (long)take_number(in, 8);
}

static void write_text(input *in, char *text, size_t size) {
  if (take_byte(in) % 8 == 0) {
    size_t n = 0;
    while (input_left(in) && n + 1 < size && (text[n] = (char)take_byte(in)))
      n++;
    text[n] = '\0';
    return;
  }
  long f[9];
  for (unsigned i = 0; i < 9; i++) f[i] = take_field(in, i);
  if (f[0] >= 0 && f[0] < REAL) f[0] = SHORT;
  for (unsigned i = 1; i < 6; i++)
    if (f[i] >= 0 && f[i] < REAL) f[i] = BELL;
  f[2] = f[3] = -1; /* it would take the place of our standard output */
  snprintf(text, size, "%ld:%ld:%ld:%ld:%ld:%ld:%lu:%lu:%lu", f[0], f[1],
           f[2], f[3], f[4], f[5], f[6], f[7], f[8]);
}

static int begins_with_digit(const char *text) {
  return (text[0] >= '0' && text[0] <= '9') || strchr(" \t\n\v\f\r+-", text[0]);
}

static void attach(input *in) {
  char text[400] = "";
  wp_worker *worker = NULL;
  unsigned index, n;
  size_t arena;
  int fd, one;
  write_text(in, text, sizeof(text));
  /* Text of any kind must not name the fuzzer's own descriptors. */
  if (sscanf(text, "%d", &one) == 1 && one < REAL && begins_with_digit(text) &&
      !strstr(text, ":-1:")) return;
  dup2(region.fd, REAL);
  dup2(SOCKET, BELL);
  dup2(SOCKET, HUB);
  setenv("WORKERPOOL_LINK", text, 1);
  int role = wp_attach(&worker);
  MUST(!getenv("WORKERPOOL_LINK"));
  if (role < 0) {
    MUST(worker == NULL);
    return;
  }
  MUST(sscanf(text, "%d:%*d:%*d:%*d:%*d:%*d:%u:%u:%zu", &fd, &index, &n,
              &arena) == 4);
  MUST(fd == REAL && n == WORKERS && arena == region.arena_size);
  if (role == WP_ROLE_WORKER) {
    MUST(wp_worker_index(worker) < WORKERS);
    wp_dismiss(worker);
  }
  wp_detach(worker);
}

static void join(input *in) {
  char text[200];
  wp_heap *heap = NULL;
  int fd = -1;
  uint32_t parent;
  size_t n = 0;
  unsigned kind = take_byte(in);
  if (kind & 1)
    n = (size_t)snprintf(text, sizeof(text), "%d:%d:", (int)getpid(),
                         REAL + (int)(kind >> 1) % 4);
  if (kind & 0x80)
    n += (size_t)snprintf(text + n, sizeof(text) - n, "%llu:",
                          (unsigned long long)take_number(in, 5));
  while (input_left(in) && n + 1 < sizeof(text)) text[n++] = (char)take_byte(in);
  text[n] = '\0';
  dup2(region.fd, REAL);
  MUST(wp_map_join(text, &heap, &fd, &parent) < 0);
  MUST(heap == NULL && fd == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, data + size};
  if (!region.base) make_region();
  if (take_byte(&in) % 4 == 0) join(&in);
  else attach(&in);
  return 0;
}
