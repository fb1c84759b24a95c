/*
** Bind, system: the few things of the system that the Lua side needs and
** Lua does not have. No descriptor and no pid is kept here.
**
**   core.now() -> seconds, monotonic      core.sleep(seconds)
**   core.getpid() -> pid                  core.exit(code): leaves a worker
**   core.random_bits() -> two integers from the kernel
**   core.is_stopped(pid) -> whether somebody has stopped it, as far as one can
**     tell (SIGSTOP; a debugger's hold does not count)
**   core.affinity([pid]) -> list of CPU numbers
**   core.pin(list [, pid]) -> true | nil, message
**   core.is_tty(file) -> boolean          core.columns(file) -> n | nil
**   core.print(file, text) -> whether it has been written, in one piece
**   core.threads() -> threads of this process
**   core.limit_memory(bytes) -> true: how much more it may have
**   core.program() -> path of the program that runs
*/
#include "bind.h"
#include "interrupt.h"
#include "memory.h"
#include "process.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)wp_now_ns() / 1e9);
  return 1;
}

static int sleep_for(lua_State *L) {
  lua_Number seconds = luaL_checknumber(L, 1);
  struct timespec ts = {.tv_sec = (time_t)seconds};
  ts.tv_nsec = (long)((seconds - (lua_Number)ts.tv_sec) * 1e9);
  if (seconds > 0) nanosleep(&ts, NULL); /* a signal ends it: hooks can run */
  wp_follow_interrupt(L);
  return 0;
}

/* Asked for at every call of a pool; a system call each time would be a tenth
** of what a small task costs. */
static int get_pid(lua_State *L) {
  static _Thread_local unsigned generation;
  static _Thread_local pid_t pid;
  if (generation != wp_process_generation()) {
    generation = wp_process_generation();
    pid = getpid();
  }
  lua_pushinteger(L, pid);
  return 1;
}

static int leave(lua_State *L) {
  int code = lua_isboolean(L, 1) ? (lua_toboolean(L, 1) ? 0 : 1)
                                 : (int)luaL_optinteger(L, 1, 0);
  wp_process_leave(code);
}

static int random_bits(lua_State *L) {
  lua_Integer bits[2] = {0, 0};
  if (getrandom(bits, sizeof(bits), 0) != (ssize_t)sizeof(bits)) {
    bits[0] = (lua_Integer)wp_now_ns();
    bits[1] = getpid();
  }
  lua_pushinteger(L, bits[0]);
  lua_pushinteger(L, bits[1]);
  return 2;
}

static int is_stopped(lua_State *L) {
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  lua_pushboolean(L, wp_process_is_stopped(pid) > 0);
  return 1;
}

static int affinity(lua_State *L) {
  cpu_set_t set;
  pid_t pid = (pid_t)luaL_optinteger(L, 1, 0);
  if (sched_getaffinity(pid, sizeof(set), &set) < 0)
    return wp_push_failure(L, -errno);
  lua_newtable(L);
  lua_Integer n = 0;
  for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &set)) continue;
    lua_pushinteger(L, (lua_Integer)cpu);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

static int pin(lua_State *L) {
  cpu_set_t set;
  CPU_ZERO(&set);
  luaL_checktype(L, 1, LUA_TTABLE);
  pid_t pid = (pid_t)luaL_optinteger(L, 2, 0);
  for (lua_Integer i = 1; i <= luaL_len(L, 1); i++) {
    lua_rawgeti(L, 1, i);
    lua_Integer cpu = luaL_checkinteger(L, -1);
    luaL_argcheck(L, cpu >= 0 && cpu < CPU_SETSIZE, 1, "no such CPU");
    CPU_SET((size_t)cpu, &set);
    lua_pop(L, 1);
  }
  if (sched_setaffinity(pid, sizeof(set), &set) < 0)
    return wp_push_failure(L, -errno);
  lua_pushboolean(L, 1);
  return 1;
}

static int file_number(lua_State *L) {
  luaL_Stream *stream = luaL_testudata(L, 1, LUA_FILEHANDLE);
  return stream && stream->closef ? fileno(stream->f) : -1;
}

static int is_tty(lua_State *L) {
  int fd = file_number(L);
  lua_pushboolean(L, fd >= 0 && isatty(fd));
  return 1;
}

static int columns(lua_State *L) {
  struct winsize size;
  int fd = file_number(L);
  if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0) return 0;
  lua_pushinteger(L, size.ws_col);
  return 1;
}

static int print_text(lua_State *L) {
  luaL_Stream *stream = luaL_testudata(L, 1, LUA_FILEHANDLE);
  size_t length;
  const char *text = luaL_checklstring(L, 2, &length);
  int fd = file_number(L);
  if (fd < 0) return 0;
  fflush(stream->f);
  lua_pushboolean(L, wp_print(fd, text, length) == length);
  return 1;
}

/* Each has a folder here, and each of those is a link to the one above it
** beside its own two (proc_task_getattr of Linux): one call, where reading
** the folder takes four. */
static int threads(lua_State *L) {
  struct stat s;
  int links = stat("/proc/self/task", &s) == 0 ? (int)s.st_nlink : 0;
  lua_pushinteger(L, links > 3 ? links - 2 : 1);
  return 1;
}

static int limit_memory(lua_State *L) {
  int status = wp_limit_memory((uint64_t)luaL_checkinteger(L, 1));
  if (status < 0) return wp_push_failure(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

static int program(lua_State *L) {
  char path[4096];
  ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
  if (n < 0) return wp_push_failure(L, -errno);
  lua_pushlstring(L, path, (size_t)n);
  return 1;
}

void wp_bind_system(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"now", now},           {"sleep", sleep_for}, {"getpid", get_pid},
      {"exit", leave},        {"random_bits", random_bits},
      {"affinity", affinity}, {"pin", pin},         {"is_tty", is_tty},
      {"columns", columns},   {"threads", threads}, {"is_stopped", is_stopped},
      {"limit_memory", limit_memory}, {"program", program},
      {"print", print_text},  {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
