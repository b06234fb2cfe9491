#include "server.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "clock.h"

namespace b2bmount {
namespace {

// The kernel wants room for a WRITE of max_write and its header, whatever it is going to send.
constexpr uint32_t kMaxWrite = 1024 * 1024;
constexpr size_t kRequestCapacity = kPageSize + kMaxWrite;
// The kernel's defaults, 12 and 9, stall readahead.
constexpr uint16_t kMaxBackground = 64;
constexpr uint16_t kCongestionThreshold = 48;
// More than 1 MiB gained nothing, less costs up to a third of the speed of a sequential read.
constexpr uint32_t kReadAheadKibibytes = 1024;

constexpr uint64_t kWantedFlags = fuse::kAsyncRead | fuse::kBigWrites | fuse::kDoReaddirplus | fuse::kAsyncDirectIo |
                                  fuse::kParallelDirops | fuse::kAbortError | fuse::kMaxPages |
                                  fuse::kExplicitInvalidateData | fuse::kInitExtended | fuse::kHasExpireOnly |
                                  fuse::kNoExport | fuse::kHasResend |
                                  // Else each write(2) asks for capabilities first. There is nothing to clear here:
                                  // neither setuid bits nor capabilities can be set.
                                  fuse::kHandleKillPrivileges2 |
                                  // Writes past the page cache heed what others have mapped.
                                  fuse::kDirectIoAllowMmap;

bool HasSysAdmin() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  return (data[CAP_SYS_ADMIN / 32].effective & (1u << (CAP_SYS_ADMIN % 32))) != 0;
}

// Seconds after which the kernel aborts the whole connection for one request that is still open, 0 for never (6.15).
int64_t KernelTimeoutSeconds() {
  int64_t shortest = 0;
  for (const char* name : {"default_request_timeout", "max_request_timeout"}) {
    std::ifstream setting(std::string("/proc/sys/fs/fuse/") + name);
    int64_t seconds = 0;
    if (setting >> seconds && seconds > 0) shortest = shortest > 0 ? std::min(shortest, seconds) : seconds;
  }
  return shortest;
}

int ReaderCount() { return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 2, 8); }

}  // namespace

Server::Server(Mounting mounting, const ServerOptions& options, Hooks hooks)
    : mounting_(std::move(mounting)),
      options_(options),
      hooks_(std::move(hooks)),
      device_(mounting_.TakeDevice()),
      nodes_(options.max_entries),
      requests_(hooks_.ring),
      io_(device_),
      reply_(kReplyCapacity) {}

std::optional<MountError> Server::Start() {
  if (auto error = Negotiate()) {
    Stop();
    return error;
  }
  // Before the notifier: from then on this process may have to be survived.
  lifeline_.Start(mounting_.device_number());
  mounting_.RaiseReadAhead(kReadAheadKibibytes);
  protocol_.epoch = device_.IncrementEpoch() == 0;
  files_ = std::make_unique<OpenFiles>(device_, protocol_.passthrough, protocol_.direct_writes);
  echo_ = std::make_unique<Echo>(mounting_.directory(), mounting_.device_number(), [this](Announcement again) {
    notifier_->ForgetEntry(again.directory, again.name);
    notifier_->Announce(std::move(again));
  });
  notifier_ = std::make_unique<Notifier>(device_, *echo_, protocol_.epoch, protocol_.expire_only);
  bool started = reply_.data() != nullptr && notifier_->Start() && echo_->Start() && io_.Start();
  started = started && watchdog_.Start("b2b-watchdog", [this] { Watch(); });
  for (int i = 0; started && i < ReaderCount(); i++) {
    readers_.push_back(std::make_unique<Thread>());
    readers_running_++;
    started = readers_.back()->Start("b2b-fuse", [this] { ReadRequests(); });
    if (!started) readers_running_--;
  }
  if (started) return std::nullopt;
  Stop();
  return MountError{"EIO", "cannot start the threads of the mount"};
}

std::optional<MountError> Server::Negotiate() {
  const Buffer request(kRequestCapacity);
  if (request.data() == nullptr) return MountError{"EIO", "not enough memory for a mount"};
  // The kernel queues INIT while it mounts.
  ssize_t length;
  do {
    length = device_.Read(request.data(), request.capacity());
  } while (length == -EINTR);
  const auto* header = reinterpret_cast<const fuse::InHeader*>(request.data());
  const auto* in = reinterpret_cast<const fuse::InitIn*>(header + 1);
  if (length < static_cast<ssize_t>(sizeof *header + fuse::kInitInShort) || header->opcode != fuse::kInit) {
    return MountError{"EPROTO", "the kernel did not begin with INIT"};
  }
  if (in->major != fuse::kMajor || in->minor < fuse::kOldestMinor) {
    device_.ReplyError(header->unique, EPROTO);
    return MountError{"EPROTO", "the kernel's FUSE protocol " + std::to_string(in->major) + "." +
                                    std::to_string(in->minor) + " is too old; Linux 5.4 or newer is needed"};
  }
  request_counts_[fuse::kInit]++;
  uint64_t offered = in->flags;
  if ((offered & fuse::kInitExtended) != 0 && length >= static_cast<ssize_t>(sizeof *header + sizeof *in)) {
    offered |= static_cast<uint64_t>(in->flags2) << 32;
  }
  uint64_t wanted = kWantedFlags;
  if (options_.passthrough && HasSysAdmin()) wanted |= fuse::kPassthrough;
  const uint64_t flags = offered & wanted;

  fuse::InitOut out{};
  out.major = fuse::kMajor;
  out.minor = std::min(in->minor, fuse::kMinor);
  out.max_readahead = kReadAheadKibibytes * 1024;
  out.flags = static_cast<uint32_t>(flags);
  out.flags2 = static_cast<uint32_t>(flags >> 32);
  out.max_background = kMaxBackground;
  out.congestion_threshold = kCongestionThreshold;
  out.max_write = kMaxWrite;
  out.time_granularity = 1;
  // With pages of 4 KiB that is 256, the most that fs.fuse.max_pages_limit allows by default.
  out.max_pages = static_cast<uint16_t>(std::max(static_cast<long>(kMaxRead) / sysconf(_SC_PAGESIZE), 1L));
  out.max_stack_depth = (flags & fuse::kPassthrough) != 0 ? 1 : 0;
  if (!device_.Reply(header->unique, out)) return MountError{"EPROTO", "the kernel refused the answer to INIT"};

  protocol_.minor = out.minor;
  protocol_.passthrough = (flags & fuse::kPassthrough) != 0;
  protocol_.direct_writes = (flags & fuse::kDirectIoAllowMmap) != 0;
  protocol_.expire_only = (flags & fuse::kHasExpireOnly) != 0;
  return std::nullopt;
}

void Server::ReadRequests() {
  const Buffer request(kRequestCapacity);
  const Buffer reply(kReplyCapacity);
  while (!readers_stopping_ && request.data() != nullptr && reply.data() != nullptr) {
    const ssize_t length = device_.Read(request.data(), request.capacity());
    // ENOENT: the request was interrupted while we took it.
    if (length == -EINTR || length == -EAGAIN || length == -ENOENT) continue;
    const auto* header = reinterpret_cast<const fuse::InHeader*>(request.data());
    if (length < static_cast<ssize_t>(sizeof *header) || header->length != static_cast<uint32_t>(length)) {
      // ENODEV: unmounted. ECONNABORTED: somebody has aborted the connection. Nothing else is expected.
      if (!gone_.exchange(true) && !readers_stopping_) hooks_.on_gone();
      break;
    }
    Dispatch({*header, request.data() + sizeof *header, static_cast<size_t>(length) - sizeof *header, reply});
  }
  readers_running_--;
}

void Server::Watch() {
  // A request waits for at most a quarter more than its deadline.
  const auto period = std::chrono::milliseconds(std::clamp<int64_t>(options_.deadline_milliseconds / 4, 10, 1000));
  // Long before the kernel loses patience, also with those that make progress: better one EIO than no mount.
  const int64_t longest = KernelTimeoutSeconds() * 1000 / 2;
  std::unique_lock lock(watchdog_mutex_);
  while (!watchdog_wake_.wait_for(lock, period, [this] { return watchdog_stopping_; })) {
    lock.unlock();
    const int64_t now = MonotonicMilliseconds();
    auto expired = requests_.TakeExpired(now - options_.deadline_milliseconds, longest > 0 ? now - longest : 0);
    expired_ += expired.size();
    FailAll(std::move(expired), EIO);
    lock.lock();
  }
}

std::optional<MountError> Server::Stop() {
  const std::lock_guard lock(stop_mutex_);
  if (!stopped_) {
    stop_error_ = StopOnce();
    stopped_ = true;
  }
  return stop_error_;
}

std::optional<MountError> Server::StopOnce() {
  // From here on nothing waits for JavaScript. That has to come first: unmounting waits for notifications, these wait
  // for requests.
  FailAll(requests_.Close(), EIO);
  // While the readers answer it, and before the path leads elsewhere.
  if (echo_ != nullptr) echo_->Stop();
  auto error = mounting_.Detach();
  // The readers still answer: a notification under way needs it.
  if (notifier_ != nullptr) notifier_->Stop();
  io_.Stop();
  {
    const std::lock_guard lock(watchdog_mutex_);
    watchdog_stopping_ = true;
  }
  watchdog_wake_.notify_one();
  watchdog_.Join();
  // A detached file system lives on while somebody has a file open on it, and its readers would sleep as long.
  readers_stopping_ = true;
  while (readers_running_ > 0) {
    for (const auto& reader : readers_) reader->Interrupt();
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  for (const auto& reader : readers_) reader->Join();
  lifeline_.End();
  return error;
}

void Server::FailAll(std::vector<RequestQueue::Request> requests, int error) {
  for (const auto& request : requests) device_.ReplyError(request.unique, error);
}

void Server::SetStatistics(uint64_t total_bytes, uint64_t free_bytes, uint64_t available_bytes) {
  total_blocks_ = total_bytes / kPageSize;
  free_blocks_ = free_bytes / kPageSize;
  available_blocks_ = available_bytes / kPageSize;
}

Server::Statistics Server::statistics() const {
  Statistics statistics{};
  for (uint32_t opcode = 0; opcode < fuse::kOpcodes; opcode++) statistics.requests[opcode] = request_counts_[opcode];
  statistics.forwarded = forwarded_;
  statistics.passthrough_opens = passthrough_opens_;
  statistics.expired = expired_;
  statistics.read_bytes = io_.bytes_read();
  statistics.written_bytes = io_.bytes_written();
  statistics.entries = nodes_.size();
  return statistics;
}

}  // namespace b2bmount
