/*
** workerpool: a pool of worker processes for Lua 5.4 and for C.
**
** This header is the whole public interface of libworkerpool and its
** manual. It has three parts:
**
**   1. the engine: parcels of bytes to workers, results of bytes back;
**   2. the worker's side of the engine, for workers written in C;
**   3. Lua on top: open the module in a lua_State, and run Lua functions in
**      workers from a C program.
**
** Calls return 0 or a positive figure on success and a negative status on
** failure: -errno, or one of WP_E… in this file. wp_status_text explains.
**
** A pool belongs to the thread that opened it. The library installs no
** signal handler and waits for no process that it did not start. Nothing
** here calls back into the host, except that a worker process, newly forked,
** runs `worker_main` and never returns from it.
*/
#ifndef WORKERPOOL_H
#define WORKERPOOL_H

#include "base.h"

#include <stdio.h>
#include <sys/types.h>

#define WP_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wp_pool wp_pool;     /* the host's side */
typedef struct wp_worker wp_worker; /* a worker's side */
typedef struct wp_job wp_job;       /* what parcels are to be done with */

/* ---- 1. the engine ---------------------------------------------------- */

/* How a worker comes to be. */
typedef enum wp_start_method {
  WP_START_FORK,   /* a copy of this process; not for hosts with threads */
  WP_START_SPAWN,  /* a program that is executed, and calls wp_attach */
  WP_START_SERVER, /* forked by such a program, which calls wp_serve: starting
                      costs the same however large the host is */
  WP_START_THREAD  /* a thread of this process; cannot be killed */
} wp_start_method;

enum {
  WP_RELAY_STDOUT = 1, /* becomes WP_EVENT_OUTPUT; a worker that prints more
                          than a pipe holds waits until the host takes it */
  WP_RELAY_STDERR = 2,
  WP_RELAY_MARKED = 4, /* and events say which task has printed it */
  WP_CAPTURE = 8 /* is kept, both in the order written: wp_worker_printed for
                    the task that runs, and WP_EVENT_EXIT for one that died */
};

/*
** Fill with wp_config_init, change what you like, pass to wp_open.
*/
typedef struct wp_config {
  unsigned n_workers; /* 1 … WP_LIMIT_WORKERS; default: wp_cpu_count() */
  /* FORK, THREAD: what a worker does from birth to death; what it returns is
  ** the exit status. */
  int (*worker_main)(wp_worker *worker, void *ud);
  void *ud; /* for both; with FORK as of the time of the fork */
  /* What becomes of what workers write to standard output and error: 0, and
  ** it goes where the host's goes, in whole lines; or the sum of some of
  ** WP_RELAY_…; or WP_CAPTURE. Without effect on THREAD. */
  unsigned output;
  /* THREAD, may be NULL: called by wp_kill in the host's thread, to break off
  ** what the worker runs. The worker leaves at its next reply or receive. */
  void (*interrupt)(unsigned worker, void *ud);
  wp_start_method start;
  /* SPAWN, SERVER: the program, whose path is not looked for in PATH, and its
  ** arguments, ending in NULL; copied. Its environment names the pool in
  ** WORKERPOOL_LINK. */
  char *const *argv;
  /* SPAWN, SERVER: a program that has not called wp_attach after so long is
  ** another than was meant, and is killed, for it might never do. Default:
  ** 60000; 0: no limit. */
  unsigned join_ms;
} wp_config;

/* All defaults: FORK, and as many workers as CPUs. */
WP_API void wp_config_init(wp_config *config);

/* CPUs that this process may run on, by its affinity mask. At least 1. */
WP_API unsigned wp_cpu_count(void);

/* Makes a pool, or sets it to NULL. Starts no worker: see wp_start. */
WP_API int wp_open(const wp_config *config, wp_pool **pool);

/* 1 in the process that opened the pool, 0 in one that was forked off it:
** there every other call does nothing, and says WP_ECLOSED if it can. */
WP_API int wp_is_owner(const wp_pool *pool);

/* Kills what still runs, reaps it, frees everything. In a process that was
** forked off since wp_open it frees memory only. NULL is allowed. */
WP_API void wp_close(wp_pool *pool);

/* Starts worker `worker` (0 … n_workers-1), which must not be running. In a
** forked child this call does not return. A process ends with the thread that
** has started it. With SERVER it waits for the server;
** -ETIMEDOUT, see wp_config.join_ms. */
WP_API int wp_start(wp_pool *pool, unsigned worker);

/* 1 while the worker lives, or has died but its WP_EVENT_EXIT is not out. */
WP_API int wp_running(const wp_pool *pool, unsigned worker);
/* How many there are. */
WP_API unsigned wp_alive(const wp_pool *pool);
WP_API pid_t wp_worker_pid(const wp_pool *pool, unsigned worker);

/* Sets wp_config.output for the workers that start from now on. */
WP_API void wp_set_output(wp_pool *pool, unsigned output);

/* Writes what a worker has printed to where workers print themselves: in one
** piece, and all of it also if the descriptor does not block. Returns the
** bytes written; fewer than `length`, and errno says why. */
WP_API size_t wp_print(int fd, const char *data, size_t length);

/* Bytes that every worker can read with wp_worker_setup, for those that do
** not inherit our memory. Before the first wp_start. */
WP_API int wp_set_setup(wp_pool *pool, const void *data, size_t length);

/* Lets a worker leave once nothing is left that it could claim. One that
** somebody has stopped (SIGSTOP) goes on, unless it is in a function, which
** may have a limit; said again, it goes on anyhow. */
WP_API int wp_stop(wp_pool *pool, unsigned worker);
/* Sends it SIGKILL; a thread is dismissed: see wp_config.interrupt. Either
** way a WP_EVENT_EXIT follows. WP_ECLOSED: so it does, but the worker has come
** to its end by itself. */
WP_API int wp_kill(wp_pool *pool, unsigned worker);

/*
** A job is announced once and named by many parcels; every worker, also one
** that starts later, reads it when it meets it first. Bytes are copied.
** wp_retire lets go of it; parcels under way may still use it.
*/
WP_API int wp_announce(wp_pool *pool, const void *data, size_t length,
                       wp_job **job);
WP_API void wp_retire(wp_pool *pool, wp_job *job);

typedef struct wp_parcel {
  wp_job *job;
  const void *data;
  size_t length;
  uint64_t tag;   /* yours; comes back with every event of this parcel. When
                     a part is submitted again its tag is tag + first */
  uint32_t count; /* tasks in it that are to run, at least 1 */
  uint32_t skip;  /* tasks at its start that are not */
  uint32_t flags; /* yours, for the worker */
  int target;     /* a worker, or WP_ANY */
  /* Instead of data and length, when n_iov is not 0: bytes in several places,
  ** which are put together in the copy. */
  const struct iovec *iov;
  int n_iov;
} wp_parcel;

#define WP_ANY (-1)

/* Queues a parcel; data is copied. *ticket names it until it has ended.
** WP_EFULL: WP_LIMIT_PARCELS are under way, but for those spare; take events
** first. */
WP_API int wp_submit(wp_pool *pool, const wp_parcel *parcel, uint64_t *ticket);

/* Takes back a parcel that no worker has claimed: 1, or 0 when it is too
** late. No event follows. */
WP_API int wp_cancel(wp_pool *pool, uint64_t ticket);

/* Takes back all parcels with tags from `low` to `high` that no worker has
** claimed. Sets the bits, in WP_LIMIT_WORKERS / 64 words, of the workers that
** are at the others; returns the number of those parcels. */
WP_API unsigned wp_abandon(wp_pool *pool, uint64_t low, uint64_t high,
                           uint64_t *busy);

/* The worker that has claimed it, or -1. */
WP_API int wp_claimant(const wp_pool *pool, uint64_t ticket);
/* Whether that worker is done with it, and may be at another: its last result
** is here and has not been taken. */
WP_API int wp_has_ended(const wp_pool *pool, uint64_t ticket);

typedef enum wp_event_type {
  WP_EVENT_RESULT = 1, /* results of some tasks of a parcel, in order */
  WP_EVENT_MESSAGE,    /* bytes that a worker sent with wp_send */
  WP_EVENT_EXIT,       /* a worker has ended, however */
  WP_EVENT_OUTPUT      /* bytes that a worker has printed, if relayed */
} wp_event_type;

/* An event's data is valid until the next call of wp_next, or of wp_settle. */
typedef struct wp_event {
  wp_event_type type;
  unsigned worker;
  uint64_t tag;    /* the parcel's; MESSAGE: the sender's */
  uint64_t ticket; /* RESULT, and EXIT when `holds` */
  const unsigned char *data;
  size_t length;
  uint32_t first;      /* RESULT: index in the parcel of the first task;
                          EXIT: of the task that was running */
  uint32_t count;      /* RESULT: tasks; EXIT: tasks left, that one included */
  int last;            /* RESULT: the parcel has ended */
  uint64_t elapsed_ns; /* RESULT and last: time in the worker */
  unsigned kind;       /* MESSAGE: the sender's; OUTPUT: 1 for standard output,
                          2 for standard error */
  int holds;           /* EXIT: it died with a parcel; OUTPUT, marked: `tag` is
                          the parcel's plus the task's index in it */
  uint64_t printed;    /* EXIT, captured: bytes that the task had printed; data
                          is the last of them, up to WP_LIMIT_OUTPUT */
  unsigned phase;      /* EXIT: WP_IN_… */
  pid_t pid;           /* EXIT */
  int known;           /* EXIT: 0 when somebody else took its status */
  int signal;          /* EXIT: that killed it, or 0 */
  int exit_code;       /* EXIT */
  int strange;         /* EXIT: killed, for it had never called wp_attach */
} wp_event;

/* What a worker is doing, or was when it ended. */
enum {
  WP_IN_START, /* until its first receive */
  WP_IN_INIT,
  WP_IN_IDLE,
  WP_IN_TASK,
  WP_IN_EXIT
};

/* The next event: 1 and *event, or 0 when `timeout_ms` have passed; -1 waits
** as long as there are workers, 0 does not wait. -EINTR when a signal came
** while it slept; with -1 also now and then without one, for it may have come
** just before: call it again. */
WP_API int wp_next(wp_pool *pool, int timeout_ms, wp_event *event);

/* As wp_next without waiting, and without a system call, for the events behind
** one: 0 when none is at hand, and now and then, so that wp_next has a look at
** what only the system knows, such as deaths. */
WP_API int wp_more(wp_pool *pool, wp_event *event);

/* The last event is done with: what it has lent is free again, for what is sent
** next. (Else this waits for the next event.) */
WP_API void wp_settle(wp_pool *pool);

/* A descriptor that polls readable when wp_next has something to do, for a
** host with an event loop of its own. From the first call of this on it stays
** so until wp_next has returned 0. Belongs to the pool. */
WP_API int wp_descriptor(wp_pool *pool);

/* Has the descriptor poll readable from that time on as well (CLOCK_MONOTONIC
** in nanoseconds; 0: no longer), until wp_next has looked: for a host with time
** limits of its own that sleeps in a loop. 0 or -errno. */
WP_API int wp_alarm(wp_pool *pool, uint64_t at_ns);

/* After a RESULT that is last, or an EXIT that holds, and before the next
** wp_next: queues tasks first … first+count-1 of that parcel again. */
WP_API int wp_submit_again(wp_pool *pool, const wp_event *event,
                           uint32_t first, uint32_t count, int target,
                           uint64_t *ticket);

/* The bytes of the parcel that `event` names, while the event lasts: 0 or
** WP_EINVAL. *skip is its wp_parcel.skip. */
WP_API int wp_parcel_data(const wp_pool *pool, const wp_event *event,
                          const unsigned char **data, size_t *length,
                          uint32_t *skip);

/* Parcels that have not ended. */
WP_API unsigned wp_pending(const wp_pool *pool);

/* What a worker is at, read from shared memory without disturbing it. */
typedef struct wp_progress {
  uint64_t completed;  /* tasks since it started, the current parcel's too */
  uint64_t started_ns; /* clock when the running function began; 0: none */
  uint64_t working_ns;
  uint64_t waiting_ns;
  unsigned phase; /* WP_IN_… */
} wp_progress;

/* All zero for a worker that there is not. */
WP_API void wp_inspect(const wp_pool *pool, unsigned worker,
                       wp_progress *progress);

/* Tasks that all workers have completed since wp_open, those included whose
** results have not been taken. */
WP_API uint64_t wp_completed(const wp_pool *pool);

/* Whether workers keep account of what their time goes to; TRACE: and list
** the tasks of parcels, for who asks. Workers notice at their next parcel. */
enum { WP_MEASURE_NOT, WP_MEASURE_FIGURES, WP_MEASURE_TRACE };
WP_API void wp_measure(wp_pool *pool, int level);

/* The account of a worker, or NULL; figures.h reads it. */
typedef struct wp_figures wp_figures;
WP_API const wp_figures *wp_figures_of(const wp_pool *pool, unsigned worker);

/* The largest number that any worker has left with wp_note. */
WP_API uint32_t wp_noted(const wp_pool *pool);

/* The parcel that a worker is at: 1, its tag and the index in it of the task
** that runs; or 0. */
WP_API int wp_holding(const wp_pool *pool, unsigned worker, uint64_t *tag,
                      uint32_t *index);

/* ---- 2. the worker's side --------------------------------------------- */

typedef struct wp_task_batch {
  uint64_t tag;
  const unsigned char *data; /* the parcel's; valid until the next receive */
  size_t length;
  const unsigned char *job_data;
  size_t job_length;
  uint32_t job_id; /* names the job; never 0 */
  uint32_t count;
  uint32_t skip;
  uint32_t flags;
} wp_task_batch;

/* Its number in the pool, from 0. */
WP_API unsigned wp_worker_index(const wp_worker *worker);

/* For a process that was executed for a pool: WP_ROLE_WORKER, and it is one;
** WP_ROLE_SERVER, and it should call wp_serve before anything else; or a
** failure, and NULL. Reads and removes WORKERPOOL_LINK. *worker is freed by
** wp_detach; NULL is allowed there. */
enum { WP_ROLE_WORKER = 1, WP_ROLE_SERVER = 2 };
WP_API int wp_attach(wp_worker **worker);
/* Forks on request: WP_ROLE_WORKER in each child; 0 at the end. */
WP_API int wp_serve(wp_worker *server);
WP_API void wp_detach(wp_worker *worker);

/* 1 for the bytes that the host has set up, or 0. */
WP_API int wp_worker_setup(const wp_worker *worker, const void **data,
                           size_t *length);

/* Leaves a number for the host, which keeps the largest: wp_noted. */
WP_API void wp_note(wp_worker *worker, uint32_t number);

/* Breaks off: the parcel stays unfinished, and all calls fail from now on. For
** a thread that is to end as a process does that calls _exit. */
WP_API void wp_dismiss(wp_worker *worker);

/* With relayed or captured output: a descriptor of what standard error was
** before, for what must not be; or -1. */
WP_API int wp_worker_terminal(const wp_worker *worker);

/* What the worker's process has in place of stdout or stderr, for those who
** kept the pointer; other streams are returned as they are. */
WP_API FILE *wp_worker_stream(FILE *stream);

/* With WP_CAPTURE: copies the last bytes, at most `size`, of what the running
** task has printed; returns their number. *total: how many it has printed. */
WP_API size_t wp_worker_printed(const wp_worker *worker, char *buffer,
                                size_t size, uint64_t *total);

/* The stop-watch of a worker that keeps account of its time, or NULL; see
** figures.h. */
typedef struct wp_laps wp_laps;
WP_API wp_laps *wp_worker_laps(wp_worker *worker);

/* 1 when the host traces. *launched_ns: when this worker was launched. */
WP_API int wp_worker_traced(const wp_worker *worker, uint64_t *launched_ns);

/* 1 when the worker is a thread of the host: it must not end the process. */
WP_API int wp_worker_is_thread(const wp_worker *worker);

/* The next parcel: 1, 0 when it is time to leave, WP_ECLOSED when the host
** is gone. Ends the parcel before (as wp_finish does). */
WP_API int wp_receive(wp_worker *worker, wp_task_batch *batch);

/* The result of the next task of the parcel. Blocks while the host does not
** read; WP_ECLOSED when it is gone, WP_EINVAL when no task is left. */
WP_API int wp_reply(wp_worker *worker, const void *data, size_t length);
/* The same with a result whose bytes lie in several places. */
WP_API int wp_replyv(wp_worker *worker, const struct iovec *iov, int n_iov);

/* Ends the parcel, also before its last task. */
WP_API int wp_finish(wp_worker *worker);

/* Makes the results so far visible now, in a parcel that takes long. */
WP_API int wp_flush(wp_worker *worker);

/* Sends bytes that are no result; they overtake no result given before. */
WP_API int wp_send(wp_worker *worker, unsigned kind, uint64_t tag,
                   const void *data, size_t length);

/* Says that a function begins (or has ended), for the host's clocks; `phase` is
** WP_IN_TASK, or _INIT or _EXIT. */
WP_API void wp_stamp(wp_worker *worker, unsigned phase, int begins);

/* ---- status ------------------------------------------------------------ */

/* WP_OK, WP_EFULL, WP_ETOOBIG, WP_ECORRUPT, WP_ECLOSED, WP_EINVAL and
** wp_status_text come from base.h. */

#ifdef __cplusplus
}
#endif

#endif
