#include "descriptors.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace b2bmount {

void CloseDescriptorsFrom(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0u, 0u) == 0) return;
#endif
  DIR* descriptors = opendir("/proc/thread-self/fd");
  if (descriptors == nullptr) return;
  // The kernel goes on after the number that it gave last: what is closed meanwhile does not confuse it.
  while (const dirent* entry = readdir(descriptors)) {
    const int descriptor = atoi(entry->d_name);  // 0 for "." and ".."
    const bool is_number = entry->d_name[0] != '.';
    if (is_number && descriptor >= first && descriptor != dirfd(descriptors)) close(descriptor);
  }
  closedir(descriptors);
}

}  // namespace b2bmount
