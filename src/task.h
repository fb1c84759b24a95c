/*
** Task: what a parcel's bytes mean to Lua. A parcel is either a range of
** numbers or a list of argument lists; its results are, for each task, a
** mark and a message of values. The three files write arguments (host), run
** them (worker) and read results (host).
*/
#ifndef WP_TASK_H
#define WP_TASK_H

#include "codec.h"
#include "figures.h"

#include <lua.h>

/* A parcel's tag is (owner << WP_TAG_BITS | number of its first task). */
#define WP_TAG_BITS 40
#define WP_TAG_INDEX (((uint64_t)1 << WP_TAG_BITS) - 1)

/* First byte of a parcel. */
enum { WP_TASKS_LIST = 'T', WP_TASKS_RANGE = 'R' };

/* First byte of a task's result. */
enum { WP_RESULT_VALUES = 'v', WP_RESULT_FAILURE = 'f' };

/* Clears the codec's output and writes a parcel of `count` numbers from the
** one at stack index `start`, by the step at `step`. */
void wp_tasks_range(lua_State *L, wp_codec *c, int start, int step);

/*
** Clears the output and writes elements first … first+count-1 of the list at
** stack index `list`. A table without metatable that has an integer `n` or a
** [1] gives its items as arguments, all else is one argument; `single`
** makes everything one argument.
** Returns the number written. When that is less than `count`, the error of
** the next element is on top of the stack.
*/
lua_Integer wp_tasks_list(lua_State *L, wp_codec *c, int list,
                          lua_Integer first, lua_Integer count, int single);

/* Pushes the arguments of task `index` of a parcel; returns their number. */
int wp_tasks_arguments(lua_State *L, wp_codec *c, const unsigned char *data,
                       size_t length, lua_Integer index);

/* Likewise of the task whose arguments stand at `at`, unless it is a range. */
int wp_tasks_arguments_at(lua_State *L, wp_codec *c, const unsigned char *data,
                          size_t length, lua_Integer index, size_t at);

/* How a function is run over a parcel. In the order of WP_PART_DECODE, … */
enum { WP_AT_DECODE, WP_AT_CALL, WP_AT_ENCODE };

typedef struct wp_run {
  wp_codec *codec;
  const unsigned char *data;
  size_t length;
  uint32_t count, skip;
  int stop_at_failure;
  int seeded;       /* the seeder is called before each task */
  lua_Integer seed;
  uint64_t tag;     /* of the first task: seed of its random stream */
  int (*reply)(void *ud, const void *data, size_t length);
  int (*reply_gathered)(void *ud, const struct iovec *iov, int n);
  void (*stamp)(void *ud, int begins); /* NULL: nobody asks for the time */
  /* NULL, or may replace a failure on top of the stack which the handler has
  ** not seen: there was no memory or no stack for it. */
  void (*explain)(lua_State *L, void *ud);
  void *ud;
  wp_laps *laps; /* NULL: nobody asks what the time goes to */
  /* While it runs. */
  const wp_bytes *output; /* the codec's */
  int is_integers;  /* a range: of integers or of floats, from start by step */
  lua_Unsigned integer_start, integer_step;
  lua_Number start, step;
  uint32_t done;    /* tasks replied to */
  int stage;        /* WP_AT_… of the task that runs */
  int n_arguments;  /* of it, once decoded */
  size_t at;        /* a list: the next task's arguments */
  size_t task_at;   /* and those of the one that runs */
  int status;       /* of the last reply */
} wp_run;

/*
** Runs the parcel. Stack indices: `call` is the first of 1 + n_prefix values,
** the function and its leading arguments; `handler` is called with an error
** where it is raised, to look at the stack, and returns what is raised in its
** place; and once more behind that, with it and true, for a value that travels.
** `seeder` is math.randomseed. Returns 0 or the negative status of a failed
** reply. The handler may ask wp_run for what happened.
*/
int wp_run_tasks(lua_State *L, wp_run *run, int call, int n_prefix,
                 int handler, int seeder);

/*
** Reads the results of `count` tasks, the first of which is number `base`.
** Value k of task i goes to t[k][i], t at stack index `lists`, which is given
** lists as they are needed. A task that returned other than one value is
** noted in t.counts[i]. Failures go to the table at `failures`, by number; so
** does a result that cannot be read here, as { unreadable = what was raised }.
** Returns the number of failures.
*/
lua_Integer wp_results_read(lua_State *L, wp_codec *c,
                            const unsigned char *data, size_t length,
                            uint32_t count, lua_Integer base, int lists,
                            int failures);

#endif
