/*
** Figures: see figures.h.
*/
#include "figures.h"

#include <sched.h>
#include <string.h>

#define LOOK_EVERY_NS 1000000u
#define BRIEF_NS 2000u
#define SAMPLE_EVERY_NS 10000u
#define WATCH_AFTER 64u  /* so many more tasks in full after a longer one */
#define MOST_SAMPLED ((uint64_t)1 << 24) /* ticks; then older ones fade */
#define MOST_TRIES 100 /* to read between two changes */

static uint64_t get(const wp_atomic64 *a) {
  return atomic_load_explicit(a, memory_order_acquire);
}

static void set(wp_atomic64 *a, uint64_t n) {
  atomic_store_explicit(a, n, memory_order_release);
}

/* Each figure has one writer at a time, so adding needs no lock. */
static void add(wp_atomic64 *a, uint64_t n) {
  if (n) set(a, get(a) + n);
}

/* ---- the account --------------------------------------------------------- */

static void begin_change(wp_figures *f) {
  set(&f->version, get(&f->version) | 1);
}

static void end_change(wp_figures *f) {
  set(&f->version, (get(&f->version) | 1) + 1);
}

static void turn(wp_figures *f, unsigned part, uint64_t now_ns) {
  set(&f->doing, part);
  set(&f->since_ns, part == WP_PART_NONE ? 0 : now_ns);
}

static uint64_t unaccounted(const wp_figures *f, uint64_t now_ns) {
  uint64_t since = get(&f->since_ns);
  return since && now_ns > since ? now_ns - since : 0;
}

static wp_atomic64 *doing(wp_figures *f) {
  uint64_t part = get(&f->doing);
  return &f->spent_ns[part < WP_PARTS ? part : WP_PART_NONE];
}

/* ---- the stop-watch ------------------------------------------------------ */

static void find_least(wp_laps *l) {
  uint64_t least_ns = UINT64_MAX;
  for (unsigned i = 0; i < WP_LONGEST; i++)
    if (l->longest[i].ns < least_ns) least_ns = l->longest[i].ns;
  if (l->log && least_ns > WP_TRACE_LEAST_NS) least_ns = WP_TRACE_LEAST_NS;
  l->least = (uint64_t)((double)least_ns / l->ns_per_tick);
  l->limit = l->least < l->brief ? l->least : l->brief;
}

/* The longer it has run, the better it knows how long a tick is. */
static void calibrate(wp_laps *l, uint64_t now_ns) {
  uint64_t ticks = wp_ticks();
  l->last = ticks;
  if (ticks > l->first_tick && now_ns > l->first_ns)
    l->ns_per_tick =
        (double)(now_ns - l->first_ns) / (double)(ticks - l->first_tick);
  l->clock_due = ticks + (uint64_t)(LOOK_EVERY_NS / l->ns_per_tick);
  l->due = l->rough_from = ticks;
  l->brief = (uint64_t)(BRIEF_NS / l->ns_per_tick);
  find_least(l);
}

void wp_laps_init(wp_laps *l, wp_figures *f) {
  uint64_t now_ns = wp_now_ns();
  *l = (wp_laps){.figures = f, .first_tick = wp_ticks(), .ns_per_tick = 1,
                 .fine = 1, .left = WATCH_AFTER};
  l->first_ns = now_ns;
  for (unsigned i = 0; i < WP_LONGEST; i++)
    l->longest[i].ns = get(&f->longest[i].ns);
  calibrate(l, wp_now_ns());
  if (get(&f->since_ns) == 0) turn(f, WP_PART_INPUT, now_ns);
}

/* How many nanoseconds a tick stands for, if `ns` have passed. In a parcel
** all time is in its stages; elsewhere most of it has no laps. */
static double scale(const wp_laps *l, uint64_t ns) {
  uint64_t total = 0;
  for (unsigned i = 0; i < WP_PARTS; i++) total += l->ticks[i];
  if (total == 0) return 0;
  double fit = (double)ns / (double)total;
  if (get(&l->figures->doing) == WP_PART_WORK || fit < l->ns_per_tick)
    return fit;
  return l->ns_per_tick;
}

static uint64_t difference(uint64_t later, uint64_t earlier) {
  return later > earlier ? later - earlier : 0;
}

/* Adds up the short tasks until now, but for `ticks` of them. */
static void close_rough(wp_laps *l, uint64_t ticks) {
  if (l->fine) return;
  l->rough += difference(l->last - ticks, l->rough_from);
  l->rough_from = l->last;
}

void wp_laps_lap(wp_laps *l, int part) {
  close_rough(l, 0);
  l->ticks[part] += wp_lap_ticks(l);
  l->rough_from = l->last;
}

void wp_laps_skip(wp_laps *l, uint64_t began, int part) {
  uint64_t ticks = difference(wp_ticks(), began);
  l->ticks[part] += ticks;
  l->last += ticks;
  l->rough_from += ticks;
}

/* Brief tasks are taken for what their samples are. */
static void split_rough(wp_laps *l) {
  close_rough(l, 0);
  uint64_t *s = l->sample, rough = l->rough;
  double sum = (double)(s[WP_PART_DECODE] + s[WP_PART_WORK] +
                        s[WP_PART_ENCODE]);
  l->rough = 0;
  if (sum > 0) {
    for (int i = WP_PART_DECODE; i <= WP_PART_ENCODE; i++)
      l->ticks[i] += (uint64_t)((double)rough * (double)s[i] / sum);
  } else {
    l->ticks[WP_PART_WORK] += rough;
  }
}

static void share_out(wp_laps *l, uint64_t ns) {
  split_rough(l);
  double ns_per_tick = scale(l, ns);
  uint64_t left = ns;
  for (unsigned i = 0; i < WP_PARTS; i++) {
    uint64_t share = (uint64_t)((double)l->ticks[i] * ns_per_tick);
    if (share > left) share = left;
    add(&l->figures->spent_ns[i], share);
    left -= share;
    l->ticks[i] = 0;
  }
  add(doing(l->figures), left);
}

void wp_laps_turn(wp_laps *l, unsigned part, uint64_t now_ns) {
  wp_figures *f = l->figures;
  begin_change(f);
  share_out(l, unaccounted(f, now_ns));
  turn(f, part, now_ns);
  end_change(f);
  calibrate(l, now_ns);
}

/* ---- the longest tasks --------------------------------------------------- */

static void log_task(wp_laps *l, uint64_t ns, uint32_t index) {
  if (ns < WP_TRACE_LEAST_NS || l->n_log == l->log_room) return;
  uint64_t ticks = wp_ticks() - l->first_tick;
  uint64_t now_ns = l->first_ns + (uint64_t)((double)ticks * l->ns_per_tick);
  l->log[l->n_log++] =
      (wp_traced_task){.index = index, .began_ns = now_ns - ns, .ns = ns};
}

static void place(wp_laps *l, wp_longest task) {
  wp_longest *least = &l->longest[0];
  for (unsigned i = 1; i < WP_LONGEST; i++)
    if (l->longest[i].ns < least->ns) least = &l->longest[i];
  if (task.ns <= least->ns) return;
  *least = task;
  find_least(l);
}

static void note(wp_laps *l, uint32_t index, size_t at) {
  uint64_t ns = (uint64_t)((double)l->own[WP_PART_WORK] * l->ns_per_tick);
  if (l->log) log_task(l, ns, index);
  place(l, (wp_longest){.ns = ns, .index = index, .is_new = 1, .at = at});
}

static void add_sample(wp_laps *l) {
  uint64_t sum = 0;
  for (int i = WP_PART_DECODE; i <= WP_PART_ENCODE; i++)
    sum += l->sample[i] += l->own[i];
  if (sum < MOST_SAMPLED) return;
  for (int i = WP_PART_DECODE; i <= WP_PART_ENCODE; i++) l->sample[i] /= 2;
}

/* Whether the next task is watched in full. */
static void choose_pace(wp_laps *l, int is_brief) {
  if (!is_brief) {
    l->fine = 1;
    l->left = WATCH_AFTER;
  } else if (!l->fine) {
    l->fine = l->last >= l->due;
    l->left = 1;
  } else if (--l->left == 0) {
    l->fine = 0;
    l->rough_from = l->last;
    l->due = l->last + (uint64_t)(SAMPLE_EVERY_NS / l->ns_per_tick);
  }
}

/* A long task that was not watched in full came after many brief ones. It is
** taken for work; the next ones are watched. */
static void end_rough(wp_laps *l, int is_brief) {
  uint64_t ticks = is_brief ? 0 : l->own[WP_PART_WORK];
  close_rough(l, ticks);
  l->ticks[WP_PART_WORK] += ticks;
}

void wp_laps_end_task(wp_laps *l, uint32_t index, size_t at) {
  uint64_t *own = l->own;
  int is_brief = own[WP_PART_DECODE] + own[WP_PART_WORK] +
                     own[WP_PART_ENCODE] < l->brief;
  if (!l->fine) end_rough(l, is_brief);
  else if (is_brief) add_sample(l);
  choose_pace(l, is_brief);
  if (own[WP_PART_WORK] > l->least) note(l, index, at);
  own[WP_PART_DECODE] = own[WP_PART_WORK] = own[WP_PART_ENCODE] = 0;
  if (l->last >= l->clock_due) wp_laps_turn(l, WP_PART_WORK, wp_now_ns());
}

void wp_laps_trace(wp_laps *l, wp_traced_task *log, uint32_t room) {
  l->log = log;
  l->log_room = room;
  l->n_log = 0;
  find_least(l);
}

void wp_laps_describe(wp_laps *l, unsigned i, const char *text,
                      size_t length) {
  wp_long_task *task = &l->figures->longest[i];
  uint64_t words[WP_LONG_TEXT / 8] = {0};
  if (length >= WP_LONG_TEXT) length = WP_LONG_TEXT - 1;
  memcpy(words, text, length);
  set(&task->ns, 0);
  for (unsigned k = 0; k < WP_LONG_TEXT / 8; k++) set(&task->text[k], words[k]);
  set(&task->ns, l->longest[i].ns);
  l->longest[i].is_new = 0;
}

/* ---- the host's side ----------------------------------------------------- */

void wp_figures_begin(wp_figures *f) {
  uint64_t now_ns = wp_now_ns();
  set(&f->launched_ns, now_ns);
  turn(f, WP_PART_START, now_ns);
  end_change(f);
}

void wp_figures_end(wp_figures *f) {
  if (get(&f->since_ns) == 0) return;
  begin_change(f);
  add(doing(f), unaccounted(f, wp_now_ns()));
  turn(f, WP_PART_NONE, 0);
  end_change(f);
}

/* 1 when nothing changed meanwhile. */
static int read_account(const wp_figures *f, wp_reading *out) {
  uint64_t version = get(&f->version), part = get(&f->doing);
  for (unsigned i = 0; i < WP_PARTS; i++)
    out->spent_ns[i] = get(&f->spent_ns[i]);
  uint64_t left = unaccounted(f, wp_now_ns());
  if (part < WP_PARTS) out->spent_ns[part] += left;
  return !(version & 1) && get(&f->version) == version;
}

/* An entry that is being written counts as none; it is there a moment later,
** unless its worker has been killed just then. */
static void read_longest(const wp_figures *f, wp_reading *out, unsigned i) {
  const wp_long_task *task = &f->longest[i];
  uint64_t ns = get(&task->ns), words[WP_LONG_TEXT / 8];
  for (unsigned k = 0; k < WP_LONG_TEXT / 8; k++)
    words[k] = get(&task->text[k]);
  memcpy(out->longest[i].text, words, WP_LONG_TEXT);
  out->longest[i].text[WP_LONG_TEXT - 1] = '\0';
  out->longest[i].ns = get(&task->ns) == ns ? ns : 0;
}

void wp_figures_read(const wp_figures *f, wp_reading *out) {
  int tries = 0;
  while (!read_account(f, out) && ++tries < MOST_TRIES) sched_yield();
  out->tasks = get(&f->tasks);
  for (unsigned i = 0; i < WP_LONGEST; i++) read_longest(f, out, i);
}
