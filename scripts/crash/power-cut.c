// Remembers what the disk would still have after a power cut. To be preloaded into the daemon:
//
//   LD_PRELOAD=power-cut.so POWER_CUT_BELOW=/absolute/directory POWER_CUT_KEPT=/another
//
// After each fsync(2) and fdatasync(2) of a regular file below the one directory, its bytes are copied to the other, by
// inode number. Names and lengths are not simulated: those of a journaling file system are in order.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_below(int fd, const char *below) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, below, strlen(below)) == 0;
}

static void keep(int fd) {
  const char *below = getenv("POWER_CUT_BELOW"), *kept = getenv("POWER_CUT_KEPT");
  struct stat st;
  if (below == NULL || kept == NULL || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !is_below(fd, below)) return;
  char path[PATH_MAX + 32], ready[PATH_MAX], again[64];
  snprintf(ready, sizeof ready, "%s/%llu", kept, (unsigned long long)st.st_ino);
  snprintf(path, sizeof path, "%s.%d", ready, gettid());
  snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
  // The descriptor may be open for writing only.
  int from = open(again, O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  static _Thread_local char buffer[1 << 16];
  for (ssize_t n; from >= 0 && to >= 0 && (n = read(from, buffer, sizeof buffer)) > 0;)
    if (write(to, buffer, n) != n) abort();
  if (from >= 0) close(from);
  if (to >= 0) close(to);
  rename(path, ready);
}

static int synced(const char *name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  int result = real(fd);
  int error = errno;
  if (result == 0) keep(fd);
  errno = error;
  return result;
}

int fsync(int fd) { return synced("fsync", fd); }
int fdatasync(int fd) { return synced("fdatasync", fd); }
