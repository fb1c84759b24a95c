/*
** Figures: what a worker's time goes to, and which of its tasks took longest.
**
** Keeping account has to cost next to nothing, so the stop-watch is the
** processor's own counter: where clock_gettime takes 35 nanoseconds a look at
** it after a task of 50 takes half of one. Tasks that take microseconds are
** watched in full: when the arguments are read, when the function has
** returned, when the result is written. That is too much for shorter ones
** (2 ns), so of them one now and then stands for all. Once in a millisecond
** and at the end of each parcel the clock says how much time has passed; it
** is shared out as the counter says and stored where the host can read it.
*/
#ifndef WP_FIGURES_H
#define WP_FIGURES_H

#include "layout.h"

/* Ticks of the fastest counter there is. They need not be of even length, nor
** the same on all processors: they only share out what the clock has said. */
static inline uint64_t wp_ticks(void) {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return wp_now_ns();
#endif
}

typedef struct wp_figures wp_figures;

/* One of the longest tasks, as the worker knows it. */
typedef struct wp_longest {
  uint64_t ns;
  uint32_t index; /* in the parcel, counted without what is skipped */
  int is_new;     /* of the parcel that runs: its arguments can be read */
  size_t at;      /* where they are, in a list */
} wp_longest;

/* An entry of a trace: a task of the parcel that runs. */
typedef struct wp_traced_task {
  uint64_t index; /* in the parcel, likewise */
  uint64_t began_ns;
  uint64_t ns;
} wp_traced_task;

/* The stop-watch. */
typedef struct wp_laps {
  wp_figures *figures;      /* NULL: off, the rest means nothing */
  int fine;                 /* the task that runs is watched in full */
  uint32_t left;            /* if so: this and so many more */
  uint64_t last;            /* ticks: the stage or task that runs began */
  uint64_t limit;           /* ticks: a shorter task needs no attention … */
  uint64_t due;             /* … before then */
  uint64_t clock_due;       /* ticks: when to look at the clock again */
  uint64_t rough_from;      /* unless fine: short tasks began … */
  uint64_t rough;           /* … and took, until then */
  uint64_t ticks[WP_PARTS]; /* of what is watched, likewise */
  uint64_t own[WP_PARTS];   /* of the task that runs */
  uint64_t sample[WP_PARTS]; /* of short tasks that were watched in full */
  uint64_t brief;           /* ticks: what is short */
  uint64_t least;           /* ticks: a longer task is to be noted */
  double ns_per_tick;
  uint64_t first_ns, first_tick;
  wp_longest longest[WP_LONGEST];
  wp_traced_task *log; /* a trace under way, or NULL */
  uint32_t n_log, log_room;
} wp_laps;

/* Tasks that are shorter are not listed in a trace. */
#define WP_TRACE_LEAST_NS 10000u

static inline uint64_t wp_lap_ticks(wp_laps *l) {
  uint64_t now = wp_ticks(), ticks = now - l->last;
  l->last = now;
  return (int64_t)ticks < 0 ? 0 : ticks; /* another processor's counter */
}

/* A stage of a task has ended. */
static inline void wp_laps_stage(wp_laps *l, int part) {
  if (!l->fine) return;
  l->own[part] = wp_lap_ticks(l);
  l->ticks[part] += l->own[part];
}

/* A task has ended, and the next begins: its number in the parcel, not
** counting what is skipped, and where its arguments are. */
void wp_laps_end_task(wp_laps *l, uint32_t index, size_t at);

static inline void wp_laps_task(wp_laps *l, uint32_t index, size_t at) {
  if (l->fine) {
    wp_laps_stage(l, WP_PART_ENCODE);
  } else {
    uint64_t ticks = wp_lap_ticks(l);
    if (ticks < l->limit && l->last < l->due) return;
    l->own[WP_PART_WORK] = ticks;
  }
  wp_laps_end_task(l, index, at);
}

/* Between tasks: the time since the last look was for `part`. */
void wp_laps_lap(wp_laps *l, int part);

/* The time since `began`, in the midst of a stage, is for `part` instead. */
void wp_laps_skip(wp_laps *l, uint64_t began, int part);

/* Switches it on. What the figures have of earlier lives stays. */
void wp_laps_init(wp_laps *l, wp_figures *f);

/* The clock shows now_ns: shares out the time since it was last looked at.
** The worker does `part` from now on; WP_PART_NONE: it ends. */
void wp_laps_turn(wp_laps *l, unsigned part, uint64_t now_ns);

/* Starts or (NULL) ends a list of all tasks that are not too short. */
void wp_laps_trace(wp_laps *l, wp_traced_task *log, uint32_t room);

/* Publishes longest[i] with a picture of its arguments. */
void wp_laps_describe(wp_laps *l, unsigned i, const char *text, size_t length);

/* The host's side: a life begins; one has ended, in order or not. */
void wp_figures_begin(wp_figures *f);
void wp_figures_end(wp_figures *f);

/* A copy at one moment. What the worker does now is in it up to that. */
typedef struct wp_reading {
  uint64_t spent_ns[WP_PARTS];
  uint64_t tasks;
  struct {
    uint64_t ns; /* 0: none */
    char text[WP_LONG_TEXT];
  } longest[WP_LONGEST];
} wp_reading;

void wp_figures_read(const wp_figures *f, wp_reading *out);

#endif
