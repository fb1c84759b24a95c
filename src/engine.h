/*
** Engine: the host's side of a pool, shared by the files that make it up:
** engine.c (life of a pool, the one door wp_next), engine_parcel.c (slots,
** jobs, submitting), engine_worker.c (start, waking, death), engine_record.c
** (what is in the rings), engine_look.c (what workers are at) and
** engine_output.c (what they print).
*/
#ifndef WP_ENGINE_H
#define WP_ENGINE_H

#include "arena.h"
#include "loan.h"
#include "output.h"
#include "process.h"
#include "region.h"
#include "workerpool.h"

#include <pthread.h>

typedef struct wp_server wp_server;

struct wp_job {
  uint64_t offset;
  uint64_t length;
  uint32_t id;
  uint32_t users; /* parcels under way */
  int retired;
  wp_job *next, *previous;
};

/* What the host alone knows of a slot. The slot itself lies where a worker
** that runs wild can write: of what the host has put there it keeps its own
** copy and never asks the slot. */
typedef struct wp_parcel_info {
  wp_job *job;
  uint64_t tag, offset, length;
  uint32_t count, skip, flags;
  uint32_t generation;
  uint32_t received; /* tasks whose results have come */
  uint32_t next_free; /* of a free slot */
} wp_parcel_info;

enum { WP_WORKER_ABSENT, WP_WORKER_RUNNING, WP_WORKER_DEAD };

typedef struct wp_host_worker {
  int state;
  pid_t pid;         /* 0: a thread */
  unsigned server;   /* WP_START_SERVER: that forked it, as n_servers */
  pthread_t thread;
  int pidfd;
  int bell;          /* socket; its end of file tells the worker of our end */
  wp_output output;  /* what it prints, unless that goes its own way */
  wp_bytes assembly; /* a body that came in pieces, so far */
  wp_loans loans;
  uint64_t due_ns;   /* until then it must have joined; 0: or it need not */
  int strange;       /* it had not, and was killed */
} wp_host_worker;

#define WP_NO_SLOT UINT32_MAX

#define WP_RELAYED (WP_RELAY_STDOUT | WP_RELAY_STDERR)

/* What epoll tells of: 0 is the hub, 1 + w the end of worker w, and */
#define WP_TOKEN_OUTPUT ((uint64_t)1 << 32) /* with w: it has printed */
#define WP_TOKEN_ALARM ((uint64_t)1 << 33)

struct wp_pool {
  wp_config config;
  char **argv; /* config.argv, copied into one block */
  size_t argv_size;
  wp_region region;
  wp_arena arena;
  int epoll;
  int hub;       /* workers ring it when header->host_waits */
  int alarm;     /* a timer, once wp_alarm has been called */
  int is_watched, has_rung; /* see wp_descriptor; rung by the host itself */
  unsigned running;
  int awaits;    /* a program that may not have joined */
  unsigned pending;
  uint64_t completed; /* tasks, by workers that have ended */
  uint32_t next_job_id;
  wp_job *jobs;
  wp_host_worker *workers;
  wp_server *server; /* WP_START_SERVER, once it has been started */
  unsigned n_servers; /* so far; a pid need not be another's */
  wp_parcel_info *parcels; /* room for as many as have been in use at once */
  uint32_t n_room, n_used;
  uint32_t first_free;     /* slot, or WP_NO_SLOT */
  uint64_t ready[WP_WORDS]; /* taken from the header, not yet looked at */
  uint64_t talked[WP_WORDS]; /* have printed something */
  wp_talk talk;              /* what they have said */
  unsigned next_talker;      /* as next_worker */
  int listens;               /* looks at what is printed before records */
  uint64_t trimmed_ns;       /* captured output was last looked at */
  unsigned next_worker;     /* where to look on, so that none starves */
  wp_spin spin;
  unsigned since_poll;      /* events since the descriptors were looked at */
  /* What the last event handed out, settled by the next wp_next. */
  wp_record held;
  int holds_record;
  int held_loan;            /* what its body lies in, or -1 */
  unsigned held_worker;
  uint32_t ended_slot;
  int clear_assembly;
  wp_pool *next; /* all pools of this process: see engine.c */
};

/* engine_parcel.c */
int wp_parcels_init(wp_pool *p);
void wp_parcels_deinit(wp_pool *p);
void wp_parcel_release(wp_pool *p, uint32_t slot);
/* The slot that worker w has claimed, or WP_NO_SLOT. */
uint32_t wp_parcel_claimed_by(const wp_pool *p, unsigned w);
/* A slot whose owner no worker could have written, or WP_NO_SLOT. */
uint32_t wp_parcel_orphan(const wp_pool *p);
uint64_t wp_ticket_of(const wp_pool *p, uint32_t slot);

/* engine_worker.c */
int wp_workers_init(wp_pool *p);
void wp_workers_deinit(wp_pool *p);
void wp_worker_mark_dead(wp_pool *p, unsigned w);
/* The death of a worker whose records are all taken, or an event of what it had
** not published: 1. */
int wp_worker_take_exit(wp_pool *p, unsigned w, wp_event *event);
/* Wakes one worker that sleeps for want of tasks, or `target`. */
void wp_worker_wake(wp_pool *p, int target);

/* engine_record.c: turns the next record of worker w into an event: 1, 0 when
** there is none, WP_ECORRUPT, or -ENOMEM. */
int wp_worker_take_record(wp_pool *p, unsigned w, wp_event *event);
/* Of a dead worker, what it had not published: results, or that its parcel has
** ended: 1 and *event, or 0. */
int wp_worker_take_left(wp_pool *p, unsigned w, wp_event *event);
/* Nothing has come for a while: takes back what workers need no more. */
void wp_worker_recall_loans(wp_pool *p);

/* What a new worker is given, and owns: its end of the bell, and what it
** prints to, or -1. */
typedef struct wp_ends {
  int bell, output[WP_STREAMS];
} wp_ends;

/* engine_output.c */
void wp_workers_init_output(wp_pool *p);
int wp_worker_open_output(wp_pool *p, unsigned w, wp_ends *ends);
int wp_worker_watch_output(wp_pool *p, unsigned w);
/* What worker w has printed: 1 and *event, or 0. */
int wp_worker_take_output(wp_pool *p, unsigned w, wp_event *event);
/* What is left of what was read for the last such event. */
int wp_worker_take_rest(wp_pool *p, wp_event *event);
/* What it printed before its next record, if there is one. */
int wp_worker_take_printed(wp_pool *p, unsigned w, wp_event *event);
/* And before its death. */
int wp_worker_take_last(wp_pool *p, unsigned w, wp_event *event);
/* Adds to the event of its end what it had captured. */
void wp_worker_take_captured(wp_pool *p, unsigned w, wp_event *event);
/* Holds down the memory of captured output. */
void wp_workers_trim_output(wp_pool *p);

/* launch.c: makes worker w a process or a thread. 0 and the fields pid, pidfd
** and thread of p->workers[w], or a failure. Closes the ends. */
int wp_launch(wp_pool *p, unsigned w, wp_ends ends);
void wp_ends_close(wp_ends *ends);
/* What a program that is executed needs to find the pool, for its environment;
** worker_attach.c reads it. `server`: the socket of one, or -1. */
#define WP_LINK_BYTES 128
void wp_launch_link(char text[WP_LINK_BYTES], const wp_pool *p, int region,
                    wp_ends ends, int server, unsigned w);
/* When a program that is executed now must have joined; 0: it need not. */
uint64_t wp_launch_due(const wp_pool *p);
/* How it ended; waits until it has. */
wp_ending wp_launch_ending(wp_pool *p, unsigned w);
void wp_launch_deinit(wp_pool *p);
/* Kills programs that should have joined by now. */
void wp_launch_end_strangers(wp_pool *p);

/* server.c: the host's side of a forkserver. Starting one makes it p->server: 0
** or a failure; `region` is a descriptor of the pool's memory. */
int wp_server_start(wp_pool *p, int region);
/* Has it fork worker w: 0 and *pid, -errno of its fork, or WP_ECLOSED when it
** is dead. The ends stay open here. */
int wp_server_fork(wp_server *s, unsigned w, wp_ends ends, pid_t *pid);
/* How a child of it ended; waits until it has. */
wp_ending wp_server_ending(wp_server *s, pid_t pid);
/* In a process that was forked off the host: closes our copy of the socket. */
void wp_server_hang_up(wp_server *s);
/* Ends it and what it has forked, and frees it. */
void wp_server_stop(wp_server *s);
/* The server's own side: 1 in a child, with its worker and ends. */
int wp_server_serve(int socket, unsigned *w, wp_ends *ends);

/* worker.c: to be called by the host before its first fork, for what all
** workers need is then done once. */
void wp_worker_expect_twins(void);
/* A worker's life in its own process or thread; returns its exit status. */
int wp_worker_live(const wp_pool *p, unsigned index, wp_ends ends,
                   int is_thread);

#endif
