/*
 * Preloaded into the process that serves a mount, makes its kernel look like Linux 5.4: INIT offers protocol 7.31 without
 * flags2, and the notifications that came later are refused.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { INIT = 26, NEWEST_NOTIFICATION = 6, HEADER = 40, SHORT_INIT = 16, MINOR = 31, INIT_EXT = 1 << 30 };

ssize_t read(int fd, void *buffer, size_t size) {
  static ssize_t (*next)(int, void *, size_t);
  if (!next) next = dlsym(RTLD_NEXT, "read");
  ssize_t got = next(fd, buffer, size);
  uint32_t *words = buffer;
  if (got > HEADER + SHORT_INIT && words[0] == (uint32_t)got && words[1] == INIT && words[HEADER / 4] == 7) {
    words[0] = got = HEADER + SHORT_INIT;
    words[HEADER / 4 + 1] = MINOR;
    words[HEADER / 4 + 3] &= ~(uint32_t)INIT_EXT;
  }
  return got;
}

static int is_newer_notification(const void *bytes, size_t size) {
  struct { uint32_t length; int32_t code; uint64_t unique; } header;
  if (size < sizeof header) return 0;
  memcpy(&header, bytes, sizeof header);
  return header.unique == 0 && header.code > NEWEST_NOTIFICATION && header.code < 100;
}

ssize_t write(int fd, const void *bytes, size_t size) {
  static ssize_t (*next)(int, const void *, size_t);
  if (!next) next = dlsym(RTLD_NEXT, "write");
  // Whatever else is written begins with its own length only by chance.
  if (is_newer_notification(bytes, size) && *(const uint32_t *)bytes == size) {
    errno = EINVAL;
    return -1;
  }
  return next(fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  static ssize_t (*next)(int, const struct iovec *, int);
  if (!next) next = dlsym(RTLD_NEXT, "writev");
  if (count > 0 && is_newer_notification(parts[0].iov_base, parts[0].iov_len)) {
    errno = EINVAL;
    return -1;
  }
  return next(fd, parts, count);
}
