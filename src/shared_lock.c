/*
** Shared, locks: see shared_lock.h.
*/
#include "shared_lock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void wp_lock_init(wp_lock *lock) {
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&lock->mutex, &a);
  pthread_mutexattr_destroy(&a);
}

static struct timespec timespec_of(uint64_t ns) {
  return (struct timespec){(time_t)(ns / 1000000000u),
                           (long)(ns % 1000000000u)};
}

static int taken(wp_lock *lock, int error) {
  if (error != EOWNERDEAD) return -error;
  pthread_mutex_consistent(&lock->mutex);
  return WP_LOCK_OWNER_DIED;
}

/* Sleeping and being woken costs more than most owners need: look out for a
** moment first. */
#define TRIES 40
static int try_for_a_moment(wp_lock *lock) {
  int error = pthread_mutex_trylock(&lock->mutex);
  for (int i = 0; i < TRIES && error == EBUSY; i++) {
#if defined(__x86_64__) || defined(__i386__)
    for (int k = 0; k < 8; k++) __builtin_ia32_pause();
#endif
    error = pthread_mutex_trylock(&lock->mutex);
  }
  return error;
}

#if defined(__SANITIZE_THREAD__)
/* The sanitizer does not know pthread_mutex_clocklock. */
static int lock_until(wp_lock *lock, uint64_t end_ns) {
  const struct timespec moment = {0, 50000};
  int error;
  while ((error = pthread_mutex_trylock(&lock->mutex)) == EBUSY &&
         wp_now_ns() < end_ns)
    nanosleep(&moment, NULL);
  return error == EBUSY ? ETIMEDOUT : error;
}
#else
static int lock_until(wp_lock *lock, uint64_t end_ns) {
  struct timespec until = timespec_of(end_ns);
  return pthread_mutex_clocklock(&lock->mutex, CLOCK_MONOTONIC, &until);
}
#endif

/*
** Never asleep for longer than a slice. A waiter that is woken and killed
** before it has the lock takes the wake-up with it when a third process has
** taken the lock meanwhile: that one does not know of those who still sleep.
** The kernel repairs this only where the lock is free (handle_futex_death in
** kernel/futex/core.c).
*/
int wp_lock_take(wp_lock *lock, uint64_t deadline_ns) {
  int error = try_for_a_moment(lock);
  while (error == EBUSY || (error == ETIMEDOUT && wp_now_ns() < deadline_ns))
    error = lock_until(lock, wp_slice_end(deadline_ns));
  return taken(lock, error);
}

int wp_lock_leave(wp_lock *lock) {
  return -pthread_mutex_unlock(&lock->mutex);
}

int wp_lock_abandon(wp_lock *lock) {
  int status = taken(lock, pthread_mutex_trylock(&lock->mutex));
  if (status == -EBUSY) return status;
  (void)pthread_mutex_unlock(&lock->mutex);
  return status == -EDEADLK;
}

static long futex(wp_atomic32 *word, int op, uint32_t value,
                  const struct timespec *until) {
  return syscall(SYS_futex, word, op, value, until, NULL,
                 FUTEX_BITSET_MATCH_ANY);
}

void wp_word_wait(wp_atomic32 *word, uint32_t value, uint64_t deadline_ns) {
  struct timespec until = timespec_of(deadline_ns);
  (void)futex(word, FUTEX_WAIT_BITSET, value, &until);
}

int wp_word_wake(wp_atomic32 *word, int n) {
  return (int)futex(word, FUTEX_WAKE, (uint32_t)n, NULL);
}

uint64_t wp_slice_end(uint64_t deadline_ns) {
  uint64_t end = wp_now_ns() + WP_SLICE_NS;
  return end < deadline_ns ? end : deadline_ns;
}
