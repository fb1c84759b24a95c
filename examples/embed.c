/*
** Uses a pool from a C program that has a loop of its own, such as a game or
** a server, and must never be held up in it. Two parts, independent of each
** other:
**
**   1. with Lua: Lua functions run in worker processes; C sends arguments and
**      takes results (workerpool_lua.h);
**   2. without Lua: the engine alone; workers are a C function, and what
**      travels are bytes (workerpool.h).
**
** To build it against an installed library:
**
**   cc embed.c $(pkg-config --cflags --libs workerpool lua5.4) -o embed
**
** Both parts start workers by fork, which is right for programs without
** threads. A program with threads says `start_method = "forkserver"` in part
** 1, see docs/embedding.md, and WP_START_SERVER in part 2.
*/
#include <workerpool.h>
#include <workerpool_lua.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "embed: %s\n", what);
  exit(EXIT_FAILURE);
}

/* What a frame does beside looking at the pool: about a millisecond. Workers
** run meanwhile, whether or not anybody looks. */
static void simulate_frame(void) { poll(NULL, 0, 1); }

/* ---- 1. with Lua ------------------------------------------------------------- */

#define N_TASKS 40

/* The program's Lua side. fail_at shows what becomes of an error. */
static const char script[] =
    "fail_at = 13\n"
    "function sum_of_squares(first, last)\n"
    "  if first == fail_at then error('unlucky') end\n"
    "  local sum = 0\n"
    "  for n = first, last do sum = sum + n * n end\n"
    "  return sum, last - first + 1\n"
    "end\n";

static lua_Integer expected_sum(lua_Integer first, lua_Integer last) {
  lua_Integer sum = 0;
  for (lua_Integer n = first; n <= last; n++) sum += n * n;
  return sum;
}

/* Every call of workerpool_lua.h that fails leaves the error on the stack. */
static void check_lua(lua_State *L, int status) {
  if (status == LUA_OK) return;
  fprintf(stderr, "embed: %s\n", luaL_tolstring(L, -1, NULL));
  exit(EXIT_FAILURE);
}

static lua_State *open_lua(void) {
  lua_State *L = luaL_newstate();
  check(L != NULL, "not enough memory");
  luaL_openlibs(L);
  /* From here on scripts can require "workerpool". Its sources are in the
  ** library: no file is looked for. */
  luaL_requiref(L, "workerpool", luaopen_workerpool, 0);
  lua_pop(L, 1);
  check_lua(L, luaL_dostring(L, script));
  return L;
}

/* Sends the tasks. Each leaves its result-to-be on the stack; the first one
** is at the index that is returned, the others follow. */
static int submit_all(lua_State *L, int pool) {
  int first = lua_gettop(L) + 1;
  luaL_checkstack(L, N_TASKS + LUA_MINSTACK, NULL);
  for (int i = 1; i <= N_TASKS; i++) {
    lua_getglobal(L, "sum_of_squares");
    lua_pushinteger(L, i);
    lua_pushinteger(L, i + 100000);
    check_lua(L, wp_lua_submit(L, pool, 2));
  }
  return first;
}

/* The task with this number must have this result. */
static void check_sum(lua_State *L, int i) {
  check(lua_tointeger(L, -2) == expected_sum(i, i + 100000), "wrong sum");
  check(lua_tointeger(L, -1) == 100001, "wrong count");
}

static void check_error(lua_State *L, int i) {
  check(i == 13, "a task failed that should not");
  lua_getfield(L, -1, "message");
  printf("  task 13 failed, as it was meant to: %s\n", lua_tostring(L, -1));
  lua_pop(L, 1);
}

/* Takes the result of a task, if it is there: its values, on the stack, or
** its error. Returns 1 when it was. */
static int take_result(lua_State *L, int result, int i) {
  int n;
  int status = wp_lua_take(L, result, &n);
  if (status == WP_LUA_PENDING) return 0;
  if (status == LUA_OK) check_sum(L, i);
  else check_error(L, i);
  lua_settop(L, -1 - (status == LUA_OK ? n : 1));
  return 1;
}

/* The program's own loop. A frame never waits: wp_lua_poll with no seconds to
** spend handles what has come in and returns. Its answer is the number of
** tasks that it handled; other calls handle some, too, so whether a task is
** over is for its result to say. */
static int run_frames(lua_State *L, int pool, int first) {
  int taken[N_TASKS] = {0}, n_taken = 0, frames = 0;
  for (; n_taken < N_TASKS; frames++) {
    simulate_frame();
    if (wp_lua_poll(L, pool, 0) < 0) check_lua(L, LUA_ERRRUN);
    for (int i = 0; i < N_TASKS; i++) {
      if (taken[i]) continue;
      taken[i] = take_result(L, first + i, i + 1);
      n_taken += taken[i];
    }
  }
  return frames;
}

static void with_lua(void) {
  lua_State *L = open_lua();
  check_lua(L, wp_lua_pool_open(L, 2));
  int pool = lua_gettop(L);
  int first = submit_all(L, pool);
  int frames = run_frames(L, pool, first);
  check(frames > 0, "no frame was drawn");
  printf("with Lua: %d tasks done, %d of them failed\n", N_TASKS, 1);
  fprintf(stderr, "meanwhile %d frames were drawn\n", frames);
  /* Waits for the workers to leave. lua_close alone would end them, too, but
  ** without running their worker_exit. */
  check_lua(L, wp_lua_pool_close(L, pool));
  lua_close(L);
}

/* ---- 2. without Lua ------------------------------------------------------------ */

#define N_NUMBERS 1000
#define PER_PARCEL 50
#define N_WORKERS 2

/* How many steps the Collatz sequence takes from n to 1. */
static uint32_t collatz(uint64_t n) {
  uint32_t steps = 0;
  for (; n != 1; steps++) n = n % 2 == 0 ? n / 2 : 3 * n + 1;
  return steps;
}

/* A worker's life, in its own process. A parcel has as many tasks as was said
** when it was submitted, and each is to be replied to, in order. What the
** bytes mean is between you and yourself. */
static int worker_main(wp_worker *worker, void *ud) {
  (void)ud;
  wp_task_batch batch;
  int got;
  while ((got = wp_receive(worker, &batch)) == 1) {
    for (uint32_t i = batch.skip; i < batch.skip + batch.count; i++) {
      uint64_t n;
      memcpy(&n, batch.data + i * sizeof(n), sizeof(n));
      wp_stamp(worker, WP_IN_TASK, 1); /* for wp_inspect, and for timeouts */
      uint32_t steps = collatz(n);
      wp_stamp(worker, WP_IN_TASK, 0);
      if (wp_reply(worker, &steps, sizeof(steps)) < 0) return 1;
    }
  }
  return got < 0; /* the host is gone */
}

static void check_status(int status) {
  check(status >= 0, wp_status_text(status));
}

/* Waits for an event. A signal is no failure: a program that has handlers
** looks here at what they have left behind. */
static void wait_event(wp_pool *pool, wp_event *event) {
  int got;
  do got = wp_next(pool, -1, event);
  while (got == -EINTR);
  check_status(got);
}

static wp_pool *open_pool(void) {
  wp_config config;
  wp_pool *pool;
  wp_config_init(&config); /* the defaults; change what you like */
  config.n_workers = N_WORKERS;
  config.worker_main = worker_main;
  check_status(wp_open(&config, &pool));
  for (unsigned w = 0; w < N_WORKERS; w++) check_status(wp_start(pool, w));
  return pool;
}

/* A job says what is to be done and is sent to each worker once. This worker
** knows but one thing, so the job is empty. */
static wp_job *announce(wp_pool *pool) {
  wp_job *job;
  check_status(wp_announce(pool, NULL, 0, &job));
  return job;
}

/* The tag comes back with the results: here the index of the first task. With
** more parcels than WP_LIMIT_PARCELS, wp_submit returns WP_EFULL: then take
** events, and go on. */
static void submit_numbers(wp_pool *pool, wp_job *job) {
  uint64_t numbers[PER_PARCEL], ticket;
  for (uint32_t first = 0; first < N_NUMBERS; first += PER_PARCEL) {
    for (uint32_t i = 0; i < PER_PARCEL; i++) numbers[i] = first + i + 1;
    wp_parcel parcel = {.job = job,
                        .data = numbers,
                        .length = sizeof(numbers),
                        .tag = first,
                        .count = PER_PARCEL,
                        .target = WP_ANY};
    check_status(wp_submit(pool, &parcel, &ticket));
  }
}

/* The results of a parcel come in one event or in several, one result behind
** the other, just as they were replied; here all are of one size. Where they
** are not, let each begin with its length. Returns the number of tasks. */
static uint32_t take_results(const wp_event *event, uint32_t *steps) {
  check(event->length == event->count * sizeof(*steps), "wrong length");
  memcpy(&steps[event->tag + event->first], event->data, event->length);
  return event->count;
}

/* All that is there now: wp_next with 0 never waits. */
static uint32_t take_events(wp_pool *pool, uint32_t *steps) {
  wp_event event;
  uint32_t done = 0;
  int got;
  while ((got = wp_next(pool, 0, &event)) == 1) {
    check(event.type != WP_EVENT_EXIT, "a worker has died");
    if (event.type == WP_EVENT_RESULT) done += take_results(&event, steps);
  }
  check_status(got);
  return done;
}

/* poll(2) on the pool's descriptor: in a program with an event loop this is
** one descriptor more among its own. It is readable until wp_next has found
** nothing. */
static void collect(wp_pool *pool, uint32_t *steps) {
  struct pollfd fds = {.fd = wp_descriptor(pool), .events = POLLIN};
  uint32_t done = take_events(pool, steps);
  while (done < N_NUMBERS) {
    check(poll(&fds, 1, 10000) != 0, "nothing came for ten seconds");
    done += take_events(pool, steps);
  }
}

/* A worker that is stopped leaves when nothing is left to do. Its end is an
** event as well; wp_close would kill what has not ended. */
static void close_pool(wp_pool *pool) {
  wp_event event;
  for (unsigned w = 0; w < N_WORKERS; w++) check_status(wp_stop(pool, w));
  for (unsigned ended = 0; ended < N_WORKERS;) {
    wait_event(pool, &event);
    if (event.type == WP_EVENT_EXIT) ended++;
  }
  wp_close(pool);
}

static void without_lua(void) {
  static uint32_t steps[N_NUMBERS];
  wp_pool *pool = open_pool();
  wp_job *job = announce(pool);
  submit_numbers(pool, job);
  collect(pool, steps);
  wp_retire(pool, job);
  close_pool(pool);
  uint32_t longest = 0;
  for (uint32_t i = 0; i < N_NUMBERS; i++) {
    check(steps[i] == collatz(i + 1), "wrong number of steps");
    if (steps[i] > steps[longest]) longest = i;
  }
  printf("without Lua: below %d, %u takes longest, %u steps\n", N_NUMBERS + 1,
         longest + 1, steps[longest]);
}

int main(void) {
  with_lua();
  without_lua();
  puts("all results are right");
  return EXIT_SUCCESS;
}
