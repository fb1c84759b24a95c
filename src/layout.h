/*
** Layout: the structures that live in the memory which a pool's host and
** its workers share, and who may store into each field. One memfd holds
**
**   header | a line per worker | figures per worker | queues | slots |
**   a ring per worker | arena
**
** Nothing here points: positions are offsets or indices, so each process
** may map the region where it likes. Every field that two processes touch
** is atomic, and each is written so that a process which is killed between
** any two instructions leaves a state that the others can read.
*/
#ifndef WP_LAYOUT_H
#define WP_LAYOUT_H

#include "base.h"

#include <stdatomic.h>

#define WP_CACHE_LINE 64
#define WP_WORDS (WP_LIMIT_WORKERS / 64) /* bit sets with a bit per worker */

typedef _Atomic uint64_t wp_atomic64;
typedef _Atomic uint32_t wp_atomic32;

/*
** A slot is a parcel under way. `owner` says whose it is: the generation in
** its upper half changes with every use, so that a claim made with an old
** entry fails; the lower half is a state below or WP_SLOT_CLAIMED + worker.
** One compare-and-swap moves a parcel to a worker, so there is no moment at
** which a killed worker could hold a parcel that nobody knows of.
** All other fields are the host's, stored before the slot becomes READY.
*/
enum { WP_SLOT_FREE, WP_SLOT_READY, WP_SLOT_CLAIMED };

typedef struct wp_slot {
  wp_atomic64 owner;
  uint64_t tag;        /* the submitter's name for the parcel */
  uint64_t offset;     /* payload, in the arena */
  uint64_t length;     /* bytes */
  uint64_t job_offset; /* what to do with it, in the arena */
  uint64_t job_length; /* bytes */
  uint32_t job_id;     /* never 0; a job id is not used twice */
  uint32_t count;      /* tasks to run */
  uint32_t skip;       /* tasks at the payload's start that are not to run */
  uint32_t flags;      /* the submitter's, for the worker's eyes */
} wp_slot;

/*
** A queue has one producer, the host, and any number of consumers. An entry
** is (generation << 32 | slot). A consumer claims the slot first and moves
** `head` after; whoever finds the entry at the head claimed moves it too, so
** a consumer that dies between the two holds up nobody.
*/
typedef struct wp_queue {
  _Alignas(WP_CACHE_LINE) wp_atomic64 head; /* consumers */
  _Alignas(WP_CACHE_LINE) wp_atomic64 tail; /* host */
  _Alignas(WP_CACHE_LINE) wp_atomic64 entry[WP_LIMIT_QUEUE];
} wp_queue;

#define WP_LOANS 2 /* blocks of the arena lent to one worker */

/* wp_line.stop: stay; leave when nothing is left to claim; leave now. */
enum { WP_STOP_NOT, WP_STOP_WHEN_DONE, WP_STOP_NOW };

/*
** A worker's line. The worker stores what stands in the first two parts,
** the host the last.
*/
typedef struct wp_line {
  /* stored once or more per task */
  _Alignas(WP_CACHE_LINE) wp_atomic64 open; /* tasks << 32 | bytes: the open
                                               record behind ring_head */
  wp_atomic64 started_ns;   /* the function that runs now began; 0: none */
  wp_atomic64 completed;    /* tasks, in records that are published */
  wp_atomic32 phase;        /* WP_IN_… of workerpool.h */
  wp_atomic32 wants_space;  /* sleeps until the host has read from its ring */
  wp_atomic64 working_ns;   /* in functions */
  wp_atomic64 waiting_ns;   /* asleep for want of tasks */
  /* Captured output: where that of the task with an even index in its parcel
  ** begins, and of an odd one. The next one's is stored before a result. */
  wp_atomic64 output_from[2];
  /* stored once per record */
  _Alignas(WP_CACHE_LINE) wp_atomic64 ring_head;
  wp_atomic64 open_at;      /* where the head was when the record was opened:
                               once it has moved, `open` means nothing */
  /* once per parcel, or per stamp: slot << 32 | index of the task in it */
  wp_atomic64 task;
  /* once, by a program that was executed */
  wp_atomic32 joined;
  /* the host's */
  _Alignas(WP_CACHE_LINE) wp_atomic64 ring_tail;
  wp_atomic32 stop;         /* WP_STOP_… */
  wp_atomic32 marks;        /* relayed output is to be marked; of wp_start */
  wp_atomic64 loan[WP_LOANS]; /* the worker stores 0: see loan.h */
} wp_line;

/*
** What a worker's time has gone to, and its longest tasks, over all the lives
** that this worker's number has had. The worker stores `doing`, `since_ns`
** and `spent_ns` together, with `version` odd meanwhile; when it has been
** killed the host ends its account. See figures.h.
*/
enum {
  WP_PART_NONE,   /* it does not live */
  WP_PART_START,  /* from its launch until it is ready */
  WP_PART_INIT,   /* in its init function */
  WP_PART_INPUT,  /* waiting for a parcel */
  WP_PART_DECODE, /* reading functions and arguments */
  WP_PART_WORK,   /* in tasks */
  WP_PART_ENCODE, /* writing results */
  WP_PART_ROOM,   /* waiting for the host to take results */
  WP_PART_EXIT,   /* in its exit function */
  WP_PARTS
};

#define WP_LONGEST 5      /* longest tasks that are kept */
#define WP_LONG_TEXT 512u /* bytes of the picture of a task's arguments */

typedef struct wp_long_task {
  wp_atomic64 ns; /* 0: none, or its text is being written */
  wp_atomic64 text[WP_LONG_TEXT / 8]; /* ends in zeros */
} wp_long_task;

typedef struct wp_figures {
  _Alignas(WP_CACHE_LINE) wp_atomic64 version;
  wp_atomic64 doing;    /* WP_PART_…: what it has done since … */
  wp_atomic64 since_ns; /* … then, which is not in spent_ns yet */
  wp_atomic64 spent_ns[WP_PARTS];
  wp_long_task longest[WP_LONGEST];
  /* the host's */
  _Alignas(WP_CACHE_LINE) wp_atomic64 tasks; /* whose results have come */
  wp_atomic64 launched_ns;                   /* its last life began */
} wp_figures;

/* Who maps a region that another program has made looks for this. */
#define WP_LAYOUT_MAGIC UINT32_C(0x77706c31)

#define WP_MARK_TOKEN 16 /* bytes */

typedef struct wp_header {
  uint32_t magic;
  uint32_t n_workers;
  uint64_t setup_offset; /* in the arena; stored before any worker starts */
  uint64_t setup_length;
  wp_atomic32 note; /* the largest number that a worker has noted */
  wp_atomic32 measures; /* WP_MEASURE_…: whether figures are wanted */
  unsigned char token[WP_MARK_TOKEN]; /* of marks; of wp_open */
  wp_atomic32 server_joined; /* since the host started it; stored by it */
  /* The host sleeps, or has left the engine: ring its bell. */
  _Alignas(WP_CACHE_LINE) wp_atomic32 host_waits;
  /* Workers asleep for want of tasks. Bits, not a count: a worker that is
  ** killed in its sleep leaves a bit, which is cleared by name. */
  _Alignas(WP_CACHE_LINE) wp_atomic64 sleepers[WP_WORDS];
  /* Workers that look for tasks without sleeping: no bell is needed. */
  _Alignas(WP_CACHE_LINE) wp_atomic64 spinners[WP_WORDS];
  /* Workers with records that the host has not seen. */
  _Alignas(WP_CACHE_LINE) wp_atomic64 ready[WP_WORDS];
} wp_header;

/*
** Results come back as records in the worker's ring, each starting at a
** multiple of 8. What does not fit a piece goes on in the next record of
** the same worker, as WP_RECORD_MORE says.
*/
enum {
  WP_RECORD_RESULT = 1, /* of `count` tasks from `first` on, of `slot` */
  WP_RECORD_MESSAGE = 2 /* anything else: `kind` and `tag` are the sender's */
};
enum {
  WP_RECORD_MORE = 1, /* the body goes on in the next record */
  WP_RECORD_LAST = 2, /* the parcel is finished */
  WP_RECORD_LENT = 4  /* the body is a wp_lent: see loan.h */
};

typedef struct wp_record {
  uint32_t size;  /* of the body that follows, in bytes */
  uint8_t type;
  uint8_t flags;
  uint16_t kind;
  uint32_t slot;
  uint32_t first; /* index in the parcel, from 0 */
  uint32_t count;
  uint32_t generation;
  uint64_t value; /* RESULT: nanoseconds of work; MESSAGE: tag */
} wp_record;

#define WP_RECORD_ALIGN(n) (((n) + 7u) & ~(size_t)7u)

#endif
