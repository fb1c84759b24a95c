/*
** Process: children by pid. The only room that forks, signals and reaps. It
** waits for pids that it started and for no others, and installs no signal
** handler.
*/
#ifndef WP_PROCESS_H
#define WP_PROCESS_H

#include "base.h"

#include <sys/types.h>

/* A number that differs between a process and those forked off it: what
** getpid would tell, without the system call. */
unsigned wp_process_generation(void);

/* Called in the parent after each fork made here: the child, or -1. */
void wp_process_on_fork(void (*told)(pid_t child));

/* How a child ended. */
typedef struct wp_ending {
  int known;     /* 0: somebody else reaped it (SIGCHLD ignored, wait(-1)) */
  int signal;    /* 0: it exited */
  int exit_code;
} wp_ending;

/*
** Forks. In the parent: 0, *pid and *pidfd (-1 where the kernel has none).
** In the child: 1, with default signal handlers, deaf to SIGINT, nothing
** blocked, standard input empty, and bound to die with the parent.
** Failure: -errno.
*/
int wp_process_fork(pid_t *pid, int *pidfd);

/*
** Executes argv in a child, with `link` in its environment as
** WORKERPOOL_LINK, the descriptors of `keep` open under the same numbers, and
** SIGINT blocked.
** Only async-signal-safe calls are made between fork and exec, so this is
** for hosts with threads too. 0, *pid and *pidfd, or -errno.
*/
int wp_process_spawn(char *const *argv, const char *link, const int *keep,
                     unsigned n_keep, pid_t *pid, int *pidfd);

/* In a program that was executed as a worker: SIGINT, which was blocked until
** now, does nothing to this process, though programs that it starts hear it. */
void wp_process_turn_deaf(void);

/* A pidfd of any process, or -1. */
int wp_process_watch(pid_t pid);

/* Whether somebody has stopped it (SIGSTOP); a debugger's hold does not count.
** 1, 0, or -1 when nobody can tell. */
int wp_process_is_stopped(pid_t pid);

/* Sends a signal to a child. By pidfd where there is one: should somebody
** else have reaped the child, its pid may be a stranger's by now. */
void wp_process_signal(pid_t pid, int pidfd, int signal);

/* Reaps; waits until it is dead when `block`. 1 and *ending, or 0. By pidfd
** where there is one, for the same reason. */
int wp_process_reap(pid_t pid, int pidfd, int block, wp_ending *ending);

/* Leaves a child: flushes its own output, runs no handlers of the parent. */
_Noreturn void wp_process_leave(int exit_code);

#endif
