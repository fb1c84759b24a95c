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

uint64_t wp_private_bytes(void) {
  return sum_of("/proc/self/smaps_rollup", "Private_Clean:",
                "Private_Dirty:");
}

/* RLIMIT_DATA counts private writable memory whether touched or not, and
** inherited as well as own: so the limit is set from where we stand. */
int wp_limit_memory(uint64_t bytes) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_DATA, &limit) < 0) return -errno;
  uint64_t wanted = sum_of("/proc/self/status", "VmData:", "VmData:") + bytes;
  if (limit.rlim_max != RLIM_INFINITY && wanted > limit.rlim_max)
    wanted = limit.rlim_max;
  limit.rlim_cur = wanted;
  return setrlimit(RLIMIT_DATA, &limit) < 0 ? -errno : WP_OK;
}
