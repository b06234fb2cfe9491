#include "echo.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <utility>

#include "descriptors.h"
#include "watches.h"

namespace b2bmount {
namespace {

// A window shows no more at once; whoever watches is better served by looking again.
constexpr size_t kMostQueued = 4096;
// Finding out who watches costs some ten milliseconds on a desktop. What comes in between waits, so that no watch is missed.
constexpr auto kBetweenScans = std::chrono::milliseconds(500);
constexpr int kMostAttempts = 3;

}  // namespace

Echo::Echo(std::string mount_point, std::string device_number, std::function<void(Announcement)> again)
    : mount_point_(std::move(mount_point)), device_number_(std::move(device_number)), again_(std::move(again)) {}

bool Echo::Start() {
  return thread_.Start("b2b-echo", [this] { Run(); });
}

void Echo::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  wake_.notify_one();
  thread_.Join();
}

void Echo::Repeat(Announcement announcement) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= kMostQueued) return;
    queue_.push_back(std::move(announcement));
  }
  wake_.notify_one();
}

std::optional<Announcement> Echo::Current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void Echo::Run() {
  // Where that is refused nobody is told anything, and nothing can hang.
  if (unshare(CLONE_FILES) != 0) return;
  CloseDescriptorsFrom(0);
  thread_id_ = static_cast<pid_t>(syscall(SYS_gettid));
  auto next_scan = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    wake_.wait_until(lock, next_scan, [this] { return stopping_; });
    if (stopping_) return;
    // After the changes: who watches from now on sees the new state anyway.
    std::deque<Announcement> batch = std::move(queue_);
    queue_.clear();
    lock.unlock();
    const std::unordered_set<uint64_t> watched = WatchedInodes(device_number_);
    next_scan = std::chrono::steady_clock::now() + kBetweenScans;
    lock.lock();
    for (Announcement& announcement : batch) {
      if (stopping_) return;
      const bool directory_watched = watched.count(announcement.directory) > 0;
      const bool item_watched = announcement.attributes && watched.count(announcement.attributes->ino) > 0;
      if (!directory_watched && !item_watched) continue;
      current_ = announcement;
      lock.unlock();
      Perform(announcement);
      lock.lock();
      current_.reset();
    }
  }
}

void Echo::Perform(const Announcement& announcement) {
  const auto& [what, directory, below, name, is_directory, attributes, attempts] = announcement;
  const std::string path = mount_point_ + (below.empty() ? "" : "/") + below + "/" + name;
  if (path.size() >= PATH_MAX) return;
  int result = 0;
  switch (what) {
    case Announcement::What::kAppeared:
      result = is_directory ? mkdir(path.c_str(), 0555) : mknod(path.c_str(), S_IFREG | 0444, 0);
      break;
    case Announcement::What::kVanished:
      result = is_directory ? rmdir(path.c_str()) : unlink(path.c_str());
      break;
    case Announcement::What::kChanged: {
      // One time alone is IN_MODIFY, both would be IN_ATTRIB.
      const timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
      utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
      return;
    }
  }
  // Somebody has asked for the name since the kernel forgot it, or the directory's mode was not held here.
  const bool worth_again = result != 0 && (errno == EEXIST || errno == ENOENT || errno == EACCES);
  if (!worth_again || attempts + 1 >= kMostAttempts) return;
  Announcement again = announcement;
  again.attempts++;
  again_(std::move(again));
}

}  // namespace b2bmount
