// What the benchmark asks of a mounted file system, without the cost of an interpreter.
//
//   client getattr FILE ROUNDS    nanoseconds of a statx that the kernel must forward: minimum, median
//   client read FILE              sequential read in 1 MiB pieces: bytes, nanoseconds
//   client stat DIR ROUNDS        nanoseconds of a stat of each name in a directory: median, 99th percentile
//   client warm MIB               touches so much memory and gives it back
//   client read-at FILE OFFSET N  one pread: bytes, nanoseconds, open and close included
//   client write FILE MiB         sequential write in 1 MiB pieces, fsync and close: bytes, nanoseconds
//   client write-at FILE OFFSET N one pwrite, open and close included: bytes, nanoseconds
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int compare(const void *a, const void *b) {
  long long x = *(const long long *)a, y = *(const long long *)b;
  return (x > y) - (x < y);
}

static int fail(const char *what) {
  perror(what);
  return 1;
}

static int getattr_rounds(const char *path, int rounds) {
  int fd = open(path, O_PATH);
  if (fd < 0) return fail(path);
  long long *times = calloc(rounds, sizeof *times);
  struct statx st;
  for (int i = 0; i < rounds; i++) {
    long long start = now();
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &st) != 0) return fail("statx");
    times[i] = now() - start;
  }
  qsort(times, rounds, sizeof *times, compare);
  printf("%lld %lld\n", times[0], times[rounds / 2]);
  return 0;
}

static int read_sequentially(const char *path) {
  static char buffer[1 << 20];
  long long start = now(), bytes = 0;
  int fd = open(path, O_RDONLY);
  if (fd < 0) return fail(path);
  for (;;) {
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0) return fail("read");
    if (n == 0) break;
    bytes += n;
  }
  close(fd);
  printf("%lld %lld\n", bytes, now() - start);
  return 0;
}

// Out of the page cache, and back from the disk: how a file was written decides the sizes of its folios, and by that how fast
// it is read.
static int recache(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return fail(path);
  if (fsync(fd) != 0) return fail("fsync");
  if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0) return fail("posix_fadvise");
  close(fd);
  return read_sequentially(path);
}

static int read_at(const char *path, long long offset, size_t size) {
  char *buffer = malloc(size);
  long long start = now();
  int fd = open(path, O_RDONLY);
  if (fd < 0) return fail(path);
  ssize_t n = pread(fd, buffer, size, offset);
  if (n < 0) return fail("pread");
  close(fd);
  printf("%zd %lld\n", n, now() - start);
  return 0;
}

static int write_sequentially(const char *path, int mib) {
  static char buffer[1 << 20];
  for (size_t i = 0; i < sizeof buffer; i++) buffer[i] = (char)(i * 7 + (i >> 9));
  long long start = now();
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) return fail(path);
  for (int i = 0; i < mib; i++) {
    for (size_t done = 0; done < sizeof buffer;) {
      ssize_t n = write(fd, buffer + done, sizeof buffer - done);
      if (n < 0) return fail("write");
      done += n;
    }
  }
  if (fsync(fd) != 0) return fail("fsync");
  if (close(fd) != 0) return fail("close");
  printf("%lld %lld\n", (long long)mib << 20, now() - start);
  return 0;
}

static int write_at(const char *path, long long offset, size_t size) {
  char *buffer = malloc(size);
  memset(buffer, 'w', size);
  long long start = now();
  int fd = open(path, O_WRONLY);
  if (fd < 0) return fail(path);
  ssize_t n = pwrite(fd, buffer, size, offset);
  if (n < 0) return fail("pwrite");
  if (close(fd) != 0) return fail("close");
  printf("%zd %lld\n", n, now() - start);
  return 0;
}

static int stat_rounds(const char *path, int rounds) {
  enum { MOST = 1000 };
  static char names[MOST][256];
  int count = 0;
  DIR *directory = opendir(path);
  if (directory == NULL) return fail(path);
  for (struct dirent *entry; count < MOST && (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] != '.') strcpy(names[count++], entry->d_name);
  }
  const int total = rounds * count;
  if (total == 0) return fail("empty");
  long long *times = calloc(total, sizeof *times);
  struct stat st;
  for (int i = 0; i < total; i++) {
    long long start = now();
    if (fstatat(dirfd(directory), names[i % count], &st, 0) != 0) return fail("stat");
    times[i] = now() - start;
  }
  qsort(times, total, sizeof *times, compare);
  printf("%lld %lld\n", times[total / 2], times[total - total / 100 - 1]);
  return 0;
}

static int warm(long long mib) {
  size_t size = (size_t)mib << 20;
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  return memory == MAP_FAILED ? fail("mmap") : 0;
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "getattr") == 0) return getattr_rounds(argv[2], atoi(argv[3]));
  if (argc == 3 && strcmp(argv[1], "read") == 0) return read_sequentially(argv[2]);
  if (argc == 5 && strcmp(argv[1], "read-at") == 0) return read_at(argv[2], atoll(argv[3]), atoll(argv[4]));
  if (argc == 4 && strcmp(argv[1], "stat") == 0) return stat_rounds(argv[2], atoi(argv[3]));
  if (argc == 4 && strcmp(argv[1], "write") == 0) return write_sequentially(argv[2], atoi(argv[3]));
  if (argc == 5 && strcmp(argv[1], "write-at") == 0) return write_at(argv[2], atoll(argv[3]), atoll(argv[4]));
  if (argc == 3 && strcmp(argv[1], "recache") == 0) return recache(argv[2]);
  if (argc == 3 && strcmp(argv[1], "warm") == 0) return warm(atoll(argv[2]));
  fprintf(stderr, "usage: client getattr FILE ROUNDS | read FILE | recache FILE | stat DIR ROUNDS | warm MIB | read-at FILE OFFSET SIZE | write FILE MIB | write-at FILE OFFSET SIZE\n");
  return 2;
}
