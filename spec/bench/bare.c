/*
** What the machine can do without a pool, as a contender (see program.lua):
** memcpy, fork, and messages to another process and back by all the ways that
** there are. Each answer is timed around the calls that move the bytes.
*/
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* A message for one task, and how long the engine looks out before it sleeps. */
#define SMALL 64
#define SPIN_NS 50000u
/* Shared memory is copied in slices that a cache can hold. */
#define SLICE (256u << 10)

static uint64_t now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void die(const char *what) {
  printf("!%s: %s\n", what, strerror(errno));
  exit(1);
}

static char *memory(size_t size, int flags) {
  char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) die("mmap");
  return p;
}

/* A child that goes when its parent does. */
static pid_t fork_child(void) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  return pid;
}

/* ---- streams: a pipe, a socket -------------------------------------------- */

static void put_all(int fd, const char *data, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, data, size);
    if (n <= 0) die("write");
    data += n;
    size -= (size_t)n;
  }
}

static void get_all(int fd, char *data, size_t size) {
  while (size > 0) {
    ssize_t n = read(fd, data, size);
    if (n <= 0) die("read");
    data += n;
    size -= (size_t)n;
  }
}

typedef struct stream { int there[2], back[2]; } stream;

static void open_stream(stream *s, int with_socket) {
  if (with_socket) {
    int size = 1 << 20, pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) die("socketpair");
    for (int i = 0; i < 2; i++)
      setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    s->there[1] = s->back[0] = pair[0];
    s->there[0] = s->back[1] = pair[1];
  } else if (pipe(s->there) < 0 || pipe(s->back) < 0) {
    die("pipe");
  }
}

static double by_stream(int count, size_t size, int with_socket) {
  stream s;
  open_stream(&s, with_socket);
  char *data = memory(size, MAP_PRIVATE);
  memset(data, 1, size);
  pid_t child = fork_child();
  if (child == 0) {
    for (int i = 0; i <= count; i++) {
      get_all(s.there[0], data, size);
      put_all(s.back[1], data, size);
    }
    _exit(0);
  }
  uint64_t began = 0;
  for (int i = 0; i <= count; i++) {
    if (i == 1) began = now_ns(); /* the first is the warm-up */
    put_all(s.there[1], data, size);
    get_all(s.back[0], data, size);
  }
  double seconds = (double)(now_ns() - began) / 1e9;
  waitpid(child, NULL, 0);
  munmap(data, size);
  close(s.there[0]), close(s.there[1]);
  if (!with_socket) close(s.back[0]), close(s.back[1]);
  return seconds;
}

/* ---- waking: shared words, and a descriptor for who sleeps ---------------- */

/* Each side waits for its own count. It looks out for a while, then says that
** it sleeps, looks once more, and reads its descriptor. */
typedef struct side {
  _Alignas(64) _Atomic uint32_t count, sleeps;
  int wait_fd, ring_fd, epoll_fd;
} side;

typedef struct channel { side a, b; } channel;

static void ring(side *to) {
  atomic_fetch_add(&to->count, 1);
  if (!atomic_exchange(&to->sleeps, 0)) return;
  uint64_t one = 1; /* a socket takes the eight bytes, too */
  if (write(to->ring_fd, &one, sizeof(one)) < 0) die("ring");
}

static void take_bytes(side *me) {
  uint64_t bytes;
  struct epoll_event event;
  if (me->epoll_fd >= 0) epoll_wait(me->epoll_fd, &event, 1, -1);
  if (read(me->wait_fd, &bytes, sizeof(bytes)) < 0) die("wait");
}

static void wait_for(side *me, uint32_t count, uint64_t spin_ns) {
  uint64_t until = now_ns() + spin_ns;
  while (spin_ns && atomic_load(&me->count) < count && now_ns() < until)
    sched_yield();
  while (atomic_load(&me->count) < count) {
    atomic_store(&me->sleeps, 1);
    if (atomic_load(&me->count) >= count && atomic_exchange(&me->sleeps, 0)) break;
    take_bytes(me);
  }
}

/* As the engine does: the host sleeps in an epoll on an eventfd, the worker in
** a read of its socket. */
static channel *open_channel(int engine_like) {
  channel *c = (channel *)memory(sizeof(channel), MAP_SHARED);
  int pair[2];
  c->a.wait_fd = c->a.ring_fd = eventfd(0, 0);
  c->a.epoll_fd = c->b.epoll_fd = -1;
  c->b.wait_fd = c->b.ring_fd = eventfd(0, 0);
  if (!engine_like) return c;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) die("socketpair");
  close(c->b.wait_fd);
  c->b.ring_fd = pair[0];
  c->b.wait_fd = pair[1];
  c->a.epoll_fd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  epoll_ctl(c->a.epoll_fd, EPOLL_CTL_ADD, c->a.wait_fd, &event);
  return c;
}

static void close_channel(channel *c) {
  close(c->a.wait_fd), close(c->b.wait_fd);
  if (c->b.ring_fd != c->b.wait_fd) close(c->b.ring_fd), close(c->a.epoll_fd);
  munmap(c, sizeof(channel));
}

static double by_bell(int count, uint64_t spin_ns, int engine_like) {
  channel *c = open_channel(engine_like);
  pid_t child = fork_child();
  if (child == 0) {
    for (int i = 0; i < count; i++) {
      wait_for(&c->b, (uint32_t)i + 1, spin_ns);
      ring(&c->a);
    }
    _exit(0);
  }
  uint64_t began = now_ns();
  for (int i = 0; i < count; i++) {
    ring(&c->b);
    wait_for(&c->a, (uint32_t)i + 1, spin_ns);
  }
  double seconds = (double)(now_ns() - began) / 1e9;
  waitpid(child, NULL, 0);
  close_channel(c);
  return seconds;
}

/* ---- shared memory: a copy in and a copy out, each way --------------------- */

/* Copies all from one to the other in slices. The other side is rung after
** each, so both work at the same time. */
static void give(side *to, char *slots, const char *data, size_t size,
                 side *me, uint32_t *given, uint32_t *freed) {
  for (size_t at = 0; at < size; at += SLICE) {
    size_t n = size - at < SLICE ? size - at : SLICE;
    if (*given - *freed >= 2) wait_for(me, ++*freed, SPIN_NS);
    memcpy(slots + (*given % 2) * SLICE, data + at, n);
    ++*given;
    ring(to);
  }
}

static void take(side *from, char *slots, char *data, size_t size, side *me,
                 uint32_t *taken) {
  for (size_t at = 0; at < size; at += SLICE) {
    size_t n = size - at < SLICE ? size - at : SLICE;
    wait_for(me, *taken + 1, SPIN_NS);
    memcpy(data + at, slots + (*taken % 2) * SLICE, n);
    ++*taken;
    ring(from);
  }
}

/* Two one-way channels; in each, `a` gives and `b` takes. With `fresh`, what is
** taken goes into pages that the kernel has yet to give: a new value. */
static double by_shared_memory(int count, size_t size, int fresh) {
  channel *there = open_channel(0), *back = open_channel(0);
  char *slots = memory(4 * SLICE, MAP_SHARED), *data = memory(size, MAP_PRIVATE);
  memset(data, 1, size);
  memset(slots, 1, 4 * SLICE);
  pid_t child = fork_child();
  uint32_t given = 0, freed = 0, taken = 0;
  uint64_t began = 0;
  for (int i = 0; i <= count; i++) {
    if (i == 1) began = now_ns();
    char *into = fresh ? memory(size, MAP_PRIVATE) : data;
    if (child == 0) {
      take(&there->a, slots, into, size, &there->b, &taken);
      give(&back->b, slots + 2 * SLICE, into, size, &back->a, &given, &freed);
    } else {
      give(&there->b, slots, data, size, &there->a, &given, &freed);
      take(&back->a, slots + 2 * SLICE, into, size, &back->b, &taken);
    }
    if (fresh) munmap(into, size);
  }
  if (child == 0) _exit(0);
  double seconds = (double)(now_ns() - began) / 1e9;
  waitpid(child, NULL, 0);
  munmap(slots, 4 * SLICE);
  munmap(data, size);
  close_channel(there);
  close_channel(back);
  return seconds;
}

/* ---- copies and forks ------------------------------------------------------ */

/* The two copies that a value must take at least: there and back. */
static double by_memcpy(int count, size_t size) {
  char *data = memory(size, MAP_PRIVATE), *other = memory(size, MAP_PRIVATE);
  memset(data, 1, size);
  memset(other, 2, size);
  uint64_t began = now_ns();
  for (int i = 0; i < count; i++) {
    memcpy(other, data, size);
    memcpy(data, other, size);
  }
  double seconds = (double)(now_ns() - began) / 1e9;
  munmap(data, size);
  munmap(other, size);
  return seconds;
}

static double by_fork(int count, int workers) {
  uint64_t began = now_ns();
  for (int i = 0; i < count; i++) {
    for (int w = 0; w < workers; w++)
      if (fork_child() == 0) _exit(0);
    while (waitpid(-1, NULL, 0) > 0) continue;
  }
  return (double)(now_ns() - began) / 1e9;
}

/* ---- the protocol ---------------------------------------------------------- */

static long value_of(const char *line, const char *key, long otherwise) {
  const char *at = strstr(line, key);
  return at ? atol(at + strlen(key)) : otherwise;
}

static double run(const char *label, const char *line, int count) {
  size_t size = (size_t)value_of(line, "\tsize=", SMALL);
  int workers = (int)value_of(line, "\tworkers=", 2);
  if (!strcmp(label, "bare pipe")) return by_stream(count, size, 0);
  if (!strcmp(label, "bare socket")) return by_stream(count, size, 1);
  if (!strcmp(label, "bare eventfd")) return by_bell(count, 0, 0);
  if (!strcmp(label, "bare round trip, as ours")) return by_bell(count, SPIN_NS, 1);
  if (!strcmp(label, "bare shared memory")) return by_shared_memory(count, size, 0);
  if (!strcmp(label, "bare shared memory, new pages"))
    return by_shared_memory(count, size, 1);
  if (!strcmp(label, "memcpy")) return by_memcpy(count, size);
  if (!strcmp(label, "bare fork")) return by_fork(count, workers);
  printf("!no such label\n");
  exit(1);
}

static const char *const CASES[] = {
  "single\tbare pipe", "single\tbare round trip, as ours",
  "apply\tbare pipe", "apply\tbare socket", "apply\tbare eventfd",
  "apply\tbare round trip, as ours",
  "payload\tbare pipe", "payload\tbare socket", "payload\tbare shared memory",
  "payload\tbare shared memory, new pages", "payload\tmemcpy",
  "growth_payload\tbare pipe", "growth_payload\tbare shared memory",
  "growth_payload\tmemcpy",
  "start\tbare fork", "growth_start\tbare fork",
};

int main(void) {
  char line[1024];
  printf("C compiler %s\n", __VERSION__);
  for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) puts(CASES[i]);
  puts("");
  fflush(stdout);
  while (fgets(line, sizeof(line), stdin)) {
    char label[64];
    int count = 0;
    if (sscanf(line, "%*[^\t]\t%63[^\t]\t%d", label, &count) != 2) return 1;
    printf("%.9g\n", run(label, line, count));
    fflush(stdout);
  }
  return 0;
}
