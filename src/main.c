/*
** Main: the program `workerpool`. It opens a Lua state that has the module
** built in and hands over to workerpool.cli, which decides what the command
** line means. Here is what Lua cannot do: signals, and the environment.
**
** Executed for a pool with another start method than fork, it is that pool's
** worker instead.
*/
#include "workerpool_lua.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lualib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- signals ------------------------------------------------------------ */

static lua_State *main_state;
static volatile sig_atomic_t interrupted_by; /* a signal, or 0 */
static int caught[2], n_caught;              /* the signals that we handle */

/* A signal that comes just before a system call which waits would be noticed
** after it only, perhaps never. So there are further ones, of a kind that
** does nothing but end such a call, until the hook has been reached. */
#define NUDGE_US 20000

static void nudge(int signo) { (void)signo; }

static void repeat_nudges(int us) {
  struct itimerval timer = {{0, us}, {0, us}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

static void raise_interrupt(lua_State *L, lua_Debug *ar) {
  (void)ar;
  repeat_nudges(0);
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "interrupted!");
}

/* The second signal ends us at once: workers see that and go. The first process
** of a container is told of no signal that it does not handle, so it does. */
static void end_now(int signo) {
  signal(signo, SIG_DFL);
  raise(signo);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signo);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  _exit(128 + signo);
}

/* Sets a hook, the one thing that Lua lets a handler do. The script ends
** by an error, so what it wants closed is closed and its workers go. */
static void interrupt(int signo) {
  int saved = errno;
  for (int i = 0; i < n_caught; i++) signal(caught[i], end_now);
  interrupted_by = signo;
  lua_sethook(main_state, raise_interrupt,
              LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
  struct sigaction action = {.sa_handler = nudge};
  sigaction(SIGALRM, &action, NULL);
  repeat_nudges(NUDGE_US);
  errno = saved;
}

/* System calls are not taken up again, so that one which waits, for input or
** for workers, returns to Lua, where the hook is. What was ignored when we
** were started stays so: nohup and the shell's & mean it. */
static void catch(int signo) {
  struct sigaction action = {.sa_handler = interrupt}, old;
  sigemptyset(&action.sa_mask);
  if (sigaction(signo, NULL, &old) == 0 && old.sa_handler == SIG_IGN) return;
  sigaction(signo, &action, NULL);
  caught[n_caught++] = signo;
}

/* ---- standard output ---------------------------------------------------- */

static pid_t main_process; /* 0: its end has been explained */

/* Lua does not look whether its buffer could be written at the end: with a full
** disk a script would have succeeded. Also at os.exit, and not in a copy. */
static void check_output(void) {
  if (getpid() != main_process) return;
  int failed = fflush(stdout) != 0;
  if (!failed && !ferror(stdout)) return;
  fprintf(stderr, "workerpool: cannot write the output: %s\n",
          failed ? strerror(errno) : "an earlier part of it is lost");
  _exit(EXIT_FAILURE);
}

/* A standard stream that is closed would be the next file that is opened, and
** results would go into a joblog. What cannot be read or written stays so. */
static void occupy_streams(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0)
      (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static void care_for_streams(void) {
  occupy_streams();
  main_process = getpid();
  atexit(check_output);
}

/* ---- what workerpool.cli is given --------------------------------------- */

/* host.setenv(name, value) -> true | nil, message */
static int set_environment(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const char *value = luaL_checkstring(L, 2);
  return luaL_fileresult(L, setenv(name, value, 1) == 0, name);
}

/* host.interrupted() -> number of the signal that came, or nil */
static int get_interrupted(lua_State *L) {
  if (!interrupted_by) return 0;
  lua_pushinteger(L, interrupted_by);
  return 1;
}

/* host.is_heard() -> whether anybody can still read what we print */
static int is_heard(lua_State *L) {
  struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
  lua_pushboolean(L, poll(&out, 1, 0) < 0 || !(out.revents & POLLERR));
  return 1;
}

static int open_host(lua_State *L) {
  static const luaL_Reg functions[] = {{"setenv", set_environment},
                                       {"interrupted", get_interrupted},
                                       {"is_heard", is_heard},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}

/* ---- running ------------------------------------------------------------ */

static int with_traceback(lua_State *L) {
  const char *message = luaL_tolstring(L, 1, NULL);
  luaL_traceback(L, L, message, 1);
  return 1;
}

static void push_words(lua_State *L, int argc, char **argv) {
  lua_createtable(L, argc, 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
}

/* Pushes field `field` of module `name`. */
static void push_from(lua_State *L, const char *name, const char *field) {
  lua_getglobal(L, "require");
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
  lua_getfield(L, -1, field);
  lua_remove(L, -2);
}

/* A worker that was executed has its host's search paths as arguments, if
** any. */
static void take_paths(lua_State *L, int argc, char **argv) {
  static const char *const names[] = {"path", "cpath"};
  lua_getglobal(L, "package");
  for (int i = 1; i < argc && i <= 2; i++) {
    lua_pushstring(L, argv[i]);
    lua_setfield(L, -2, names[i - 1]);
  }
  lua_pop(L, 1);
}

static int is_worker(void) { return getenv("WORKERPOOL_LINK") != NULL; }

/* stack: argc, argv. Returns the exit status. */
static int protected_main(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  luaL_openlibs(L);
  /* As the interpreter `lua` does. */
  lua_gc(L, LUA_GCGEN, 0, 0);
  wp_lua_preload(L);
  luaL_requiref(L, "workerpool.host", open_host, 0);
  if (is_worker()) {
    take_paths(L, argc, argv);
    push_from(L, "workerpool.spawned", "main");
    lua_call(L, 0, 0);
    return 0;
  }
  push_from(L, "workerpool.cli", "main");
  push_words(L, argc, argv);
  lua_call(L, 1, 1);
  return 1;
}

static int run(lua_State *L, int argc, char **argv) {
  lua_pushcfunction(L, with_traceback);
  lua_pushcfunction(L, protected_main);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  if (lua_pcall(L, 2, 1, 1) == LUA_OK) return (int)lua_tointeger(L, -1);
  if (!interrupted_by) fprintf(stderr, "workerpool: %s\n", lua_tostring(L, -1));
  return EXIT_FAILURE;
}

int main(int argc, char **argv) {
  lua_State *L = luaL_newstate();
  if (!L) {
    fprintf(stderr, "workerpool: not enough memory\n");
    return EXIT_FAILURE;
  }
  main_state = L;
  /* A worker leaves signals as they are: its host decides. */
  if (!is_worker()) {
    care_for_streams();
    catch(SIGINT);
    catch(SIGTERM);
  }
  int status = run(L, argc, argv);
  repeat_nudges(0);
  if (status != 0) main_process = 0;
  /* From here on the state is no place for a hook. */
  for (int i = 0; i < n_caught; i++) signal(caught[i], end_now);
  lua_sethook(L, NULL, 0, 0);
  lua_close(L);
  return interrupted_by && status != 0 ? 128 + interrupted_by : status;
}
