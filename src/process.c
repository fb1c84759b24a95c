/*
** Process: see process.h.
*/
#include "process.h"

#include "bell.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned generation = 1;
static void count_generation(void) { generation++; }
static void install_count(void) {
  pthread_atfork(NULL, NULL, count_generation);
}

unsigned wp_process_generation(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install_count);
  return generation;
}

int wp_process_watch(pid_t pid) {
#if defined(SYS_pidfd_open) && !defined(WP_NO_PIDFD)
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  return wp_fd_move(fd, WP_CLEAR_OF_STDIO);
#else
  (void)pid;
  return -1;
#endif
}

/* The terminal's Ctrl-C goes to the whole group; the host decides. It is not
** ignored, for what is ignored stays so in the programs that a task starts,
** and those are to hear it: they would outlive us. */
static void hear_nothing(int signo) { (void)signo; }

static void handle_interrupt(void) {
  struct sigaction deaf = {.sa_handler = hear_nothing, .sa_flags = SA_RESTART};
  sigemptyset(&deaf.sa_mask);
  sigaction(SIGINT, &deaf, NULL);
}

static sigset_t only_interrupt(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  return set;
}

void wp_process_turn_deaf(void) {
  sigset_t interrupt = only_interrupt();
  handle_interrupt();
  sigprocmask(SIG_UNBLOCK, &interrupt, NULL);
}

/* Handlers are the host's code and belong to its process. What it ignores
** stays ignored, as across exec; but not the deaths of children, for then a
** server would never learn how its own have ended. */
static void reset_signals(void) {
  struct sigaction action;
  int hears = sigaction(SIGINT, NULL, &action) < 0 ||
              action.sa_handler != SIG_IGN;
  for (int s = 1; s < NSIG; s++) {
    if (sigaction(s, NULL, &action) < 0) continue;
    if (action.sa_handler == SIG_DFL) continue;
    if (action.sa_handler == SIG_IGN && s != SIGCHLD) continue;
    signal(s, SIG_DFL);
  }
  if (hears) handle_interrupt();
}

/* Two readers of one input would each get half of it, and what the parent
** has buffered is the parent's. */
static void empty_stdin(void) {
  /* Where the host has none, this is it already. */
  int null = open("/dev/null", O_RDONLY);
  if (null <= STDIN_FILENO) return;
  dup2(null, STDIN_FILENO);
  close(null);
}

/* When memory runs out, the kernel is to take one of us and not the host: a
** lost worker is a task, a lost host everything. Only system calls, for this
** is also called between fork and exec; and the C library's conversions of
** numbers lie on eight pages, which a child just forked would have to map. */
#define OOM_SCORE_ADJ "/proc/self/oom_score_adj"
#define OOM_MORE 200
#define OOM_MOST 1000

static int read_score(const char *text) {
  int minus = *text == '-', score = 0;
  for (text += minus; *text >= '0' && *text <= '9'; text++)
    score = 10 * score + (*text - '0');
  return minus ? -score : score;
}

/* To the kernel a leading zero says that the number is octal. */
static size_t write_score(char *text, int score) {
  char digits[8], *at = text;
  size_t n = 0;
  unsigned left = (unsigned)abs(score);
  if (score < 0) *at++ = '-';
  do digits[n++] = (char)('0' + left % 10);
  while ((left /= 10) > 0);
  while (n > 0) *at++ = digits[--n];
  return (size_t)(at - text);
}

static void be_first_to_go(void) {
  char text[16] = "";
  int fd = open(OOM_SCORE_ADJ, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  if (read(fd, text, sizeof(text) - 1) > 0) {
    int score = read_score(text) + OOM_MORE;
    size_t n = write_score(text, score < OOM_MOST ? score : OOM_MOST);
    /* Refused where a sandbox says so: then all are alike. */
    if (pwrite(fd, text, n, 0) < 0) errno = 0;
  }
  close(fd);
}

static void become_child(pid_t parent, const sigset_t *mask) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0); /* it died before the line above */
  reset_signals();
  sigprocmask(SIG_SETMASK, mask, NULL);
  be_first_to_go();
  empty_stdin();
  __fpurge(stdin);
}

static void (*told_of_forks)(pid_t child);

void wp_process_on_fork(void (*told)(pid_t child)) { told_of_forks = told; }

static int forked(pid_t child) {
  int status = child < 0 ? -errno : WP_OK;
  if (child != 0 && told_of_forks) told_of_forks(child);
  return status;
}

int wp_process_fork(pid_t *pid, int *pidfd) {
  sigset_t all, old, none;
  pid_t parent = getpid();
  sigemptyset(&none);
  sigfillset(&all);
  /* Unflushed output would be written by both. */
  fflush(NULL);
  /* No handler of the host may run in the child before they are reset. */
  sigprocmask(SIG_SETMASK, &all, &old);
  pid_t child = fork();
  int status = forked(child);
  if (child == 0) {
    become_child(parent, &none);
    return 1;
  }
  sigprocmask(SIG_SETMASK, &old, NULL);
  if (status < 0) return status;
  *pid = child;
  *pidfd = wp_process_watch(child);
  return WP_OK;
}

/* ---- spawn -------------------------------------------------------------- */

#define LINK_NAME "WORKERPOOL_LINK="

/* Our environment with one more entry; freed by the caller. */
static char **environment_with(const char *link, size_t *size) {
  size_t n = 0, text = sizeof(LINK_NAME) + strlen(link);
  while (environ[n]) n++;
  *size = (n + 2) * sizeof(char *) + text;
  char **copy = wp_calloc(*size);
  if (!copy) return NULL;
  memcpy(copy, environ, n * sizeof(char *));
  copy[n] = (char *)(copy + n + 2);
  snprintf(copy[n], text, "%s%s", LINK_NAME, link);
  return copy;
}

static void keep_open(const int *keep, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    if (keep[i] >= 0) fcntl(keep[i], F_SETFD, 0);
}

/* In the child, before exec: nothing that takes a lock. */
static void become_other(pid_t parent, const sigset_t *mask, const int *keep,
                         unsigned n_keep) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  reset_signals();
  sigprocmask(SIG_SETMASK, mask, NULL);
  be_first_to_go();
  empty_stdin();
  keep_open(keep, n_keep);
}

#define CANNOT_EXECUTE 127

int wp_process_spawn(char *const *argv, const char *link, const int *keep,
                     unsigned n_keep, pid_t *pid, int *pidfd) {
  sigset_t all, old;
  /* A handler is gone with exec, and an interpreter sets one of its own: so
  ** SIGINT has to wait until the program has turned deaf. */
  const sigset_t interrupt = only_interrupt();
  size_t size;
  pid_t parent = getpid();
  char **envp = environment_with(link, &size);
  if (!envp) return -ENOMEM;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &old);
  pid_t child = fork();
  int status = forked(child);
  if (child == 0) {
    become_other(parent, &interrupt, keep, n_keep);
    execve(argv[0], argv, envp);
    _exit(CANNOT_EXECUTE);
  }
  sigprocmask(SIG_SETMASK, &old, NULL);
  wp_free(envp, size);
  if (status < 0) return status;
  *pid = child;
  *pidfd = wp_process_watch(child);
  return WP_OK;
}

#if defined(SYS_pidfd_send_signal) && !defined(WP_NO_PIDFD)
/* The number is not a stranger's: nobody has reaped this child of ours. */
static int is_child(pid_t pid) {
  siginfo_t info;
  return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}
#endif

int wp_process_is_stopped(pid_t pid) {
  char text[512] = "";
  snprintf(text, sizeof(text), "/proc/%d/stat", (int)pid);
  FILE *file = fopen(text, "re");
  if (!file) return -1;
  (void)!fread(text, 1, sizeof(text) - 1, file);
  fclose(file);
  const char *name_end = strrchr(text, ')'); /* it may have others in it */
  return name_end ? strncmp(name_end, ") T", 3) == 0 : -1;
}

void wp_process_signal(pid_t pid, int pidfd, int signal) {
#if defined(SYS_pidfd_send_signal) && !defined(WP_NO_PIDFD)
  if (pidfd >= 0) {
    if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0) return;
    /* Else somebody may have closed all descriptors, ours among them. */
    if (errno != EBADF || !is_child(pid)) return;
  }
#else
  (void)pidfd;
#endif
  if (pid > 0) kill(pid, signal);
}

static wp_ending ending_of(const siginfo_t *info) {
  wp_ending e = {.known = 1};
  if (info->si_code == CLD_EXITED) e.exit_code = info->si_status;
  else e.signal = info->si_status;
  return e;
}

static int await_end(idtype_t type, id_t id, int block, siginfo_t *info) {
  int got;
  *info = (siginfo_t){0};
  do {
    got = waitid(type, id, info, WEXITED | (block ? 0 : WNOHANG));
  } while (got < 0 && errno == EINTR);
  return got;
}

#define BY_PIDFD ((idtype_t)3) /* P_PIDFD, which older headers do not have */

int wp_process_reap(pid_t pid, int pidfd, int block, wp_ending *ending) {
  siginfo_t info;
  int got = -1;
  errno = EBADF;
  if (pidfd >= 0) got = await_end(BY_PIDFD, (id_t)pidfd, block, &info);
  /* Not that of a process any more, or the kernel cannot wait for one. */
  if (got < 0 && (errno == EBADF || errno == EINVAL))
    got = await_end(P_PID, (id_t)pid, block, &info);
  if (got == 0 && info.si_pid == 0) return 0;
  *ending = got == 0 ? ending_of(&info) : (wp_ending){0};
  return 1;
}

void wp_process_leave(int exit_code) {
  fflush(NULL);
  _exit(exit_code);
}
