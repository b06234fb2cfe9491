#include "watches.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>

namespace b2bmount {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

Directory OpenDirectory(const std::string& path) { return {opendir(path.c_str()), closedir}; }

bool IsNumber(const char* name) { return *name >= '0' && *name <= '9'; }

void ReadWatches(const std::string& path, uint64_t device, std::unordered_set<uint64_t>* inodes) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(fopen(path.c_str(), "re"), fclose);
  if (file == nullptr) return;
  char line[512];
  while (fgets(line, sizeof line, file.get()) != nullptr) {
    uint64_t inode = 0;
    uint64_t on = 0;
    if (sscanf(line, "inotify wd:%*x ino:%" SCNx64 " sdev:%" SCNx64, &inode, &on) == 2 && on == device) {
      inodes->insert(inode);
    }
  }
}

}  // namespace

std::unordered_set<uint64_t> WatchedInodes(const std::string& device) {
  std::unordered_set<uint64_t> inodes;
  unsigned major = 0;
  unsigned minor = 0;
  const Directory processes = OpenDirectory("/proc");
  if (processes == nullptr || sscanf(device.c_str(), "%u:%u", &major, &minor) != 2) return inodes;
  const uint64_t number = static_cast<uint64_t>(major) << 20 | minor;  // as the kernel has it
  while (const dirent* process = readdir(processes.get())) {
    if (!IsNumber(process->d_name)) continue;
    const std::string base = std::string("/proc/") + process->d_name;
    const Directory descriptors = OpenDirectory(base + "/fd");
    if (descriptors == nullptr) continue;
    while (const dirent* descriptor = readdir(descriptors.get())) {
      char target[32];
      const ssize_t length = readlinkat(dirfd(descriptors.get()), descriptor->d_name, target, sizeof target);
      constexpr char kInotify[] = "anon_inode:inotify";
      if (length != sizeof kInotify - 1 || memcmp(target, kInotify, sizeof kInotify - 1) != 0) continue;
      ReadWatches(base + "/fdinfo/" + descriptor->d_name, number, &inodes);
    }
  }
  return inodes;
}

}  // namespace b2bmount
