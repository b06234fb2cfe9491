// Makes changes of the other side visible to programs that watch directories (inotify).
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>

#include "node_record.h"
#include "thread.h"

namespace b2bmount {

struct Announcement {
  enum class What : uint8_t { kAppeared, kVanished, kChanged };
  What what;
  uint64_t directory;  // node, and inode number
  std::string path;    // of the directory, below the mount point, without a slash at the end; empty: the root
  std::string name;
  bool is_directory;
  std::optional<NodeAttributes> attributes;  // of the item; none of what has vanished
  int attempts = 0;
};

// The kernel tells watchers only of what is done through the mount. So a thread does it once more: it makes what has
// appeared, removes what has vanished, sets the time of what has changed. The server knows the thread by its number
// and answers it as if that had just happened; nothing else comes of it, and nobody else is answered so.
//
// The thread waits for the server, in the kernel and not to be killed. It has a table of descriptors of its own
// (unshare(2)) in which there is no /dev/fuse: when the process is killed, the others' table goes, with it the connection,
// and that ends the wait.
class Echo {
 public:
  // `again`: the kernel has been asked for the name meanwhile; what it knows of it has to be forgotten first.
  Echo(std::string mount_point, std::string device_number, std::function<void(Announcement)> again);

  bool Start();
  // Requests of the thread must be answered meanwhile.
  void Stop();

  // Any thread; returns at once. The kernel must have forgotten the old state. More than can be done soon is dropped.
  void Repeat(Announcement announcement);

  // By the readers.
  bool IsOurs(uint32_t pid) const { return pid != 0 && static_cast<pid_t>(pid) == thread_id_; }
  // What the thread is doing at the moment.
  std::optional<Announcement> Current() const;

 private:
  void Run();
  void Perform(const Announcement& announcement);

  const std::string mount_point_;
  const std::string device_number_;
  const std::function<void(Announcement)> again_;
  Thread thread_;
  std::atomic<pid_t> thread_id_{-1};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Announcement> queue_;
  std::optional<Announcement> current_;
  bool stopping_ = false;
};

}  // namespace b2bmount
