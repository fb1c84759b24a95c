/*
** Failing: runs a Lua scenario again and again, and lets another call fail
** each time: the first, the second, and so on, until the scenario gets by
** without a failure. What can fail:
**
**   memory   an allocation of Lua's, and all that follow until the scenario
**            has returned: Lua tries again after a collection
**   engine   an allocation of the engine's, that one alone
**   system   a system call that the engine makes, that one alone
**   files    all descriptors from some number on
**
**   failing WHAT FILE [STRIDE]
**
** FILE returns a function that is the scenario; it returns true when all it
** did was right. The program prints a line for each kind of error that came
** out, with how often, and one for each thing that is wrong: an error that
** does not say what was missing, something left behind, a wrong answer, the
** next run failing without a reason. The last line counts the runs.
**
** Only the host's main thread fails, not its children.
*/
#include "workerpool_lua.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OF_LUA = 1, OF_ENGINE, OF_SYSTEM, OF_FILES };

static int what;             /* fails; 0: nothing does */
static unsigned long left;   /* calls until it does */
static int has_failed;
static const char *failed_call;
static int failed_error;
static pthread_t main_thread;
static size_t engine_bytes;

static void in_child(void) { what = 0; }

/* Whether this call is the one. */
static int fails(int kind) {
  if (what != kind || !pthread_equal(pthread_self(), main_thread)) return 0;
  if (left > 1) {
    left--;
    return 0;
  }
  has_failed = 1;
  if (kind != OF_LUA) what = 0;
  return 1;
}

/* ---- memory ------------------------------------------------------------- */

static void *lua_allocate(void *ud, void *block, size_t old, size_t size) {
  (void)ud;
  (void)old;
  if (size == 0) {
    free(block);
    return NULL;
  }
  if ((!block || size > old) && fails(OF_LUA)) return NULL;
  return realloc(block, size);
}

static void *engine_allocate(void *ud, void *block, size_t old, size_t size) {
  (void)ud;
  if (size > old && fails(OF_ENGINE)) return NULL;
  __atomic_fetch_add(&engine_bytes, size - (block ? old : 0),
                     __ATOMIC_RELAXED);
  if (size) return realloc(block, size);
  free(block);
  return NULL;
}

/* ---- system calls ------------------------------------------------------- */

static int refused(const char *name, int error) {
  if (!fails(OF_SYSTEM)) return 0;
  failed_call = name;
  failed_error = errno = error;
  return 1;
}

/* Our function, named after its own with __wrap_ before: -Wl,--wrap. */
#define WRAP(type, name, parameters, arguments, error, failure) \
  type __real_##name parameters;                                \
  type __wrap_##name parameters;                                \
  type __wrap_##name parameters {                               \
    if (refused(#name, error)) return failure;                  \
    return __real_##name arguments;                             \
  }

WRAP(void *, mmap, (void *a, size_t n, int p, int f, int fd, off_t o),
     (a, n, p, f, fd, o), ENOMEM, MAP_FAILED)
WRAP(int, memfd_create, (const char *n, unsigned f), (n, f), EMFILE, -1)
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), ENOSPC, -1)
WRAP(int, socketpair, (int d, int t, int p, int *fds), (d, t, p, fds), EMFILE,
     -1)
WRAP(int, epoll_create1, (int f), (f), EMFILE, -1)
WRAP(int, eventfd, (unsigned n, int f), (n, f), EMFILE, -1)
WRAP(int, pipe2, (int *fds, int f), (fds, f), EMFILE, -1)
WRAP(pid_t, fork, (void), (), EAGAIN, -1)

/* To take away what is there cannot fail. */
int __real_epoll_ctl(int e, int op, int fd, struct epoll_event *v);
int __wrap_epoll_ctl(int e, int op, int fd, struct epoll_event *v);
int __wrap_epoll_ctl(int e, int op, int fd, struct epoll_event *v) {
  if (op == EPOLL_CTL_ADD && refused("epoll_ctl", ENOSPC)) return -1;
  return __real_epoll_ctl(e, op, fd, v);
}

typedef void *(*thread_main)(void *);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, thread_main f,
                          void *ud);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, thread_main f,
                          void *ud);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, thread_main f,
                          void *ud) {
  if (refused("pthread_create", EAGAIN)) return EAGAIN;
  return __real_pthread_create(t, a, f, ud);
}

/* ---- what is left ------------------------------------------------------- */

static unsigned count_descriptors(void) {
  unsigned n = 0;
  DIR *dir = opendir("/proc/self/fd");
  if (!dir) return 0;
  while (readdir(dir)) n++;
  closedir(dir);
  return n;
}

static unsigned count_mappings(void) {
  unsigned n = 0;
  char line[512];
  FILE *maps = fopen("/proc/self/maps", "r");
  if (!maps) return 0;
  while (fgets(line, sizeof(line), maps)) n += strstr(line, "memfd:") != NULL;
  fclose(maps);
  return n;
}

static int has_children(void) {
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

typedef struct holdings {
  unsigned descriptors, mappings;
  size_t bytes;
} holdings;

static holdings look(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCCOLLECT);
  return (holdings){count_descriptors(), count_mappings(), engine_bytes};
}

/* ---- running ------------------------------------------------------------ */

enum { MOST_KINDS = 40, MOST_WRONG = 20 };
static struct kind {
  char text[160];
  unsigned count;
} kinds[MOST_KINDS];
static unsigned n_wrong;

static void wrong(unsigned long n, const char *text, const char *more) {
  if (++n_wrong > MOST_WRONG) return;
  printf("WRONG at %lu%s%s: %s %.400s\n", n, failed_call ? ", " : "",
         failed_call ? failed_call : "", text, more);
  fflush(stdout);
}

/* By its text without numbers and what follows its first line. */
static void count_kind(const char *message) {
  char text[160];
  size_t n = 0;
  for (; message[n] && message[n] != '\n' && n + 1 < sizeof(text); n++)
    text[n] = message[n] >= '0' && message[n] <= '9' ? 'N' : message[n];
  text[n] = '\0';
  for (unsigned i = 0; i < MOST_KINDS; i++) {
    if (kinds[i].count && strcmp(kinds[i].text, text) != 0) continue;
    strcpy(kinds[i].text, text);
    kinds[i].count++;
    return;
  }
}

static int names_it(int kind, const char *message) {
  if (kind == OF_SYSTEM) return strstr(message, strerror(failed_error)) != NULL;
  if (kind == OF_FILES) return strstr(message, strerror(EMFILE)) != NULL;
  return strstr(message, "not enough memory") != NULL ||
         strstr(message, strerror(ENOMEM)) != NULL;
}

static void limit_files(rlim_t n) {
  static struct rlimit limit;
  if (limit.rlim_max == 0) getrlimit(RLIMIT_NOFILE, &limit);
  struct rlimit now = limit;
  if (n) now.rlim_cur = n;
  setrlimit(RLIMIT_NOFILE, &now);
}

/* stack: scenario -> scenario. 1 when nothing failed any more. */
static int run(lua_State *L, int kind, unsigned long n) {
  lua_pushvalue(L, 1);
  has_failed = 0;
  failed_call = NULL;
  left = n;
  if (kind == OF_FILES) limit_files(n);
  what = kind;
  int status = lua_pcall(L, 0, 1, 0);
  what = 0;
  if (kind == OF_FILES) limit_files(0);
  if (status != LUA_OK) {
    const char *message = luaL_tolstring(L, -1, NULL);
    if (kind == OF_FILES) has_failed = 1;
    if (!has_failed) wrong(n, "an error without a reason:", message);
    else if (!names_it(kind, message)) wrong(n, "it says:", message);
    count_kind(message);
  } else if (!lua_toboolean(L, -1)) {
    wrong(n, "a wrong answer", "");
  }
  lua_settop(L, 1);
  return kind == OF_FILES ? status == LUA_OK : !has_failed;
}

static void check_left(lua_State *L, const holdings *before, unsigned long n) {
  char text[160];
  holdings after = look(L);
  if (has_children()) wrong(n, "a child is left", "");
  if (after.descriptors == before->descriptors &&
      after.mappings == before->mappings && after.bytes <= before->bytes)
    return;
  snprintf(text, sizeof(text),
           "%u descriptors, %u mappings, %zu bytes, where there were %u, %u, "
           "%zu", after.descriptors, after.mappings, after.bytes,
           before->descriptors, before->mappings, before->bytes);
  wrong(n, "left behind:", text);
}

static unsigned long first_of(int kind) {
  if (kind != OF_FILES) return 1;
  int fd = dup(0);
  close(fd);
  return (unsigned long)fd;
}

/* Twice without a failure: the first time fills caches. */
static int go(lua_State *L, int kind, unsigned long stride) {
  unsigned long n = first_of(kind), runs = 0;
  run(L, 0, 0);
  run(L, 0, 0);
  holdings before = look(L);
  for (int is_over = 0; !is_over && n_wrong < MOST_WRONG; runs++) {
    is_over = run(L, kind, n);
    check_left(L, &before, n);
    /* What failed has done no harm to what comes after it. */
    if (runs % 16 == 0) run(L, 0, 0);
    n += stride;
  }
  run(L, 0, 0);
  check_left(L, &before, n);
  for (unsigned i = 0; i < MOST_KINDS && kinds[i].count; i++)
    printf("%u x %s\n", kinds[i].count, kinds[i].text);
  printf("%lu runs, %u wrong\n", runs, n_wrong);
  return n_wrong > 0;
}

static int kind_of(const char *name) {
  static const char *const names[] = {"memory", "engine", "system", "files"};
  for (int i = 0; i < 4; i++)
    if (strcmp(names[i], name) == 0) return i + 1;
  return 0;
}

/* For scenarios: from here on nothing fails. */
static int calm(lua_State *L) {
  (void)L;
  what = 0;
  limit_files(0);
  return 0;
}

int main(int argc, char **argv) {
  int kind = argc > 2 ? kind_of(argv[1]) : 0;
  if (!kind) return 2;
  main_thread = pthread_self();
  pthread_atfork(NULL, NULL, in_child);
  wp_set_allocator(engine_allocate, NULL);
  lua_State *L = lua_newstate(lua_allocate, NULL);
  luaL_openlibs(L);
  wp_lua_preload(L);
  lua_register(L, "calm", calm);
  if (luaL_loadfile(L, argv[2]) || lua_pcall(L, 0, 1, 0)) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return 2;
  }
  int status = go(L, kind, argc > 3 ? strtoul(argv[3], NULL, 10) : 1);
  lua_close(L);
  return status;
}
