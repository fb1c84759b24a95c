/*
** Memory: see memory.h.
*/
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* The sum of the lines that begin with one of the names, in bytes. */
static uint64_t sum_of(const char *path, const char *a, const char *b) {
  char line[256];
  unsigned long long kib, sum = 0;
  FILE *file = fopen(path, "re");
  while (file && fgets(line, sizeof(line), file)) {
    if (strncmp(line, a, strlen(a)) != 0 && strncmp(line, b, strlen(b)) != 0)
      continue;
    if (sscanf(strchr(line, ':') + 1, "%llu", &kib) == 1) sum += kib;
  }
  if (file) fclose(file);
  return sum * 1024;
}

/* 1 when this line begins a shared mapping, 0 for another, -1 for none. */
static int is_shared_mapping(const char *line) {
  char permissions[5];
  if (sscanf(line, "%*x-%*x %4s", permissions) != 1) return -1;
  return permissions[3] == 's';
}

/* To the kernel a page is private that nobody else has looked at so far, also
** one of memory that is there to be shared. Not to us. */
static uint64_t private_bytes(void) {
  char line[512];
  unsigned long long kib, sum = 0;
  int is_shared = 0;
  FILE *file = fopen("/proc/self/smaps", "re");
  while (file && fgets(line, sizeof(line), file)) {
    if (sscanf(line, "Private_%*[CleanDirty]: %llu", &kib) == 1)
      sum += is_shared ? 0 : kib;
    else if (is_shared_mapping(line) >= 0)
      is_shared = is_shared_mapping(line);
  }
  if (file) fclose(file);
  return sum * 1024;
}

/* The kernel's own sum comes cheaper, and is never less. */
int wp_private_exceeds(uint64_t bytes) {
  uint64_t most = sum_of("/proc/self/smaps_rollup",
                         "Private_Clean:", "Private_Dirty:");
  return most > bytes && private_bytes() > bytes;
}

/* RLIMIT_DATA counts private writable memory whether touched or not, and
** inherited as well as own: so the limit is set from where we stand. */
int wp_limit_memory(uint64_t bytes) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_DATA, &limit) < 0) return -errno;
  uint64_t now = sum_of("/proc/self/status", "VmData:", "VmData:");
  if (now == 0) return -ENOSYS; /* we are not told, for want of /proc */
  uint64_t wanted = now + bytes;
  if (limit.rlim_max != RLIM_INFINITY && wanted > limit.rlim_max)
    wanted = limit.rlim_max;
  limit.rlim_cur = wanted;
  return setrlimit(RLIMIT_DATA, &limit) < 0 ? -errno : WP_OK;
}
