// One mounted file system: the threads that serve it, and its life from INIT to the end.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "buffer.h"
#include "content.h"
#include "content_io.h"
#include "device.h"
#include "directory_writer.h"
#include "dirty_nodes.h"
#include "echo.h"
#include "lifeline.h"
#include "mounting.h"
#include "node_table.h"
#include "notifier.h"
#include "open_files.h"
#include "request_queue.h"
#include "thread.h"

namespace b2bmount {

struct ServerOptions {
  Owner owner;
  bool read_only;
  bool passthrough;
  Validity validity;
  int64_t deadline_milliseconds;
  size_t max_entries;
  uint64_t largest_file;
};

struct Protocol {
  uint32_t minor = 0;
  bool passthrough = false;
  bool direct_writes = false;  // past the page cache, beside mappings
  bool epoch = false;
  bool expire_only = false;
};

// Threads:
//
//   readers (2..8)  read a request, answer it from the tables, or queue it for JavaScript
//   io (2)          answer parked READs and WRITEs (ContentIo)
//   notifier (1)    tells the kernel what to forget (Notifier)
//   echo (1)        repeats changes of the other side through the mount, for who watches it (Echo)
//   watchdog (1)    answers EIO to what JavaScript has not answered in time
//   JavaScript's    everything under "by the JavaScript thread"; writes the tables, answers queued requests
//
// Locks, each for one class, in the order in which they may be nested: Content, then RequestQueue; NodeTable, then
// DirtyNodes. All others are taken alone, and nobody reads from or writes to the device under any of them (OpenFiles
// registers backing files).
//
// Life:  constructed --Start--> serving --Stop--> draining --> stopped
//                                  |                 what would need JavaScript is answered with EIO
//                                  +--- the kernel says that the mount is gone: `on_gone`, then Stop()
class Server {
 public:
  struct Hooks {
    std::function<void()> ring;     // requests().Drain() has something
    std::function<void()> on_gone;  // once, from a reader: the mount has gone without us
  };

  Server(Mounting mounting, const ServerOptions& options, Hooks hooks);
  ~Server() { Stop(); }

  // Answers INIT and starts the lifeline and the threads. By the JavaScript thread.
  std::optional<MountError> Start();
  // Unmounts, answers what is open, ends the threads. Blocks for milliseconds, so not on the JavaScript thread unless
  // the process ends. The first call does it, others wait for it. The device is closed by the destructor, on the
  // JavaScript thread, which may be writing to it until then; that ends the connection for whoever still uses the
  // mount.
  std::optional<MountError> Stop();
  // Only takes the mount away; for the end of the process, when no thread may be joined any more.
  void DetachOnly() const { mounting_.Detach(); }

  const Protocol& protocol() const { return protocol_; }
  RequestQueue& requests() { return requests_; }

  // --- by the JavaScript thread. A reply to a request that is no longer waiting does nothing.

  void ReplyError(uint64_t id, int error);
  void ReplyEntry(uint64_t id, const NodeAttributes& attributes, std::string_view name);
  void ReplyNoEntry(uint64_t id);
  void ReplyAttributes(uint64_t id, const NodeAttributes& attributes);
  // False: two children have the same name or nodeid; the request is still waiting.
  bool ReplyListing(uint64_t id, const std::vector<NodeRecord>& children, uint64_t parent_ino);
  // A listing that nobody has asked for yet. False: as ReplyListing().
  bool OfferListing(uint64_t node, const std::vector<NodeRecord>& children, uint64_t parent_ino);
  bool HoldsListing(uint64_t node) const { return nodes_.HoldsListing(node); }
  bool IsPassedThrough(uint64_t node) const { return files_->IsPassedThrough(node); }
  // Anything but kDone: the request is still waiting.
  using Opened = OpenFiles::Opening;
  Opened ReplyOpen(uint64_t id, uint64_t handle, std::shared_ptr<Content> content);
  // The same. @param attributes, name of the new file
  Opened ReplyCreate(uint64_t id, const NodeAttributes& attributes, std::string_view name, uint64_t handle,
                     std::shared_ptr<Content> content);
  void ReplyDone(uint64_t id);
  // The request is not waiting any more. What it may have changed nevertheless is told to the kernel.
  void ReplyLate(uint64_t id);
  void ReplyBytes(uint64_t id, const uint8_t* bytes, size_t size);

  ContentTable& contents() { return contents_; }
  void ContentPresent(const std::shared_ptr<Content>& content, ByteRange range);
  void ContentDirty(Content& content, uint64_t node, std::shared_ptr<DirtyFile> file);
  void ContentDropped(Content& content);

  void InvalidateEntry(uint64_t parent, std::string_view name);
  void InvalidateAttributes(uint64_t node);
  void InvalidateContent(uint64_t node);
  void InvalidateAll();
  // After the invalidation that belongs to it.
  void Announce(Announcement announcement) { notifier_->Announce(std::move(announcement)); }

  // @param available_bytes of the free ones, to whoever is not root
  void SetStatistics(uint64_t total_bytes, uint64_t free_bytes, uint64_t available_bytes);
  uint64_t table_version() const { return nodes_.version(); }

  struct Statistics {
    uint64_t requests[fuse::kOpcodes];
    uint64_t forwarded;
    uint64_t passthrough_opens;
    uint64_t expired;
    uint64_t read_bytes;
    uint64_t written_bytes;
    uint64_t entries;
  };
  Statistics statistics() const;

 private:
  // A request as a reader has it: the header, what follows it, and room for the answer.
  struct Incoming {
    const fuse::InHeader& header;
    const uint8_t* body;
    size_t size;
    const Buffer& reply;

    template <typename Body>
    const Body* As() const {
      return size >= sizeof(Body) ? reinterpret_cast<const Body*>(body) : nullptr;
    }
    // The NUL-terminated text after `offset`.
    std::optional<std::string_view> Name(size_t offset) const;
  };

  std::optional<MountError> Negotiate();
  void ReadRequests();
  void Watch();
  std::optional<MountError> StopOnce();

  // operations.cc
  void Dispatch(const Incoming& request);
  // @returns whether it was the echo's, and about what it is doing
  bool AnswerEcho(const Incoming& request);
  void Lookup(const Incoming& request);
  void Getattr(const Incoming& request);
  void Readdir(const Incoming& request, bool plus);
  void Open(const Incoming& request);
  void Read(const Incoming& request);
  void Flush(const Incoming& request);
  void Fsync(const Incoming& request);
  void Write(const Incoming& request);
  void Allocate(const Incoming& request);
  void ChangeContent(const Incoming& request, uint64_t handle, const Change& change);
  void Create(const Incoming& request);
  void Mknod(const Incoming& request);
  void Mkdir(const Incoming& request);
  void Unlink(const Incoming& request, RequestQueue::Kind kind);
  void Rename(const Incoming& request, bool with_flags);
  void Setattr(const Incoming& request);
  bool SetOfDirty(const Incoming& request, const RequestQueue::Attributes& wanted);
  void Release(const Incoming& request);
  void Getxattr(const Incoming& request);
  void Setxattr(const Incoming& request);
  void Removexattr(const Incoming& request);
  void Listxattr(const Incoming& request);
  void Lseek(const Incoming& request);
  void Statfs(const Incoming& request);
  void Interrupt(const Incoming& request);
  void Forward(const Incoming& request, RequestQueue::Request forwarded);
  // Of a request with a name for something in a directory: unless it is one that cannot be.
  void ForwardNamed(const Incoming& request, RequestQueue::Request forwarded, std::optional<std::string_view> name);
  // @returns the id in the queue; or 0, and in `refused` the error to answer
  uint64_t Park(const Incoming& request, RequestQueue::Request forwarded, int* refused);

  void AnswerEntry(uint64_t unique, const NodeAttributes& attributes, Validity validity);
  void AnswerNoEntry(uint64_t unique, Validity validity);
  void AnswerAttributes(uint64_t unique, const NodeAttributes& attributes, Validity validity);
  void AnswerStatx(uint64_t unique, NodeAttributes attributes, Validity validity);
  bool AnswerListing(uint64_t unique, uint64_t node, bool plus, uint64_t offset, uint32_t size, const Buffer& buffer);
  void FailAll(std::vector<RequestQueue::Request> requests, int error);
  void FailParked(const std::vector<uint64_t>& ids, int error);
  void GiveBack(uint64_t handle);
  fuse::EntryOut EntryOf(NodeAttributes attributes, Validity validity) const;
  // Keeps what JavaScript has made, or knows now, unless it may be old.
  void Keep(const RequestQueue::Request& request, const NodeAttributes& attributes, std::string_view name);
  // Something new is in a directory.
  Validity KeepMade(const RequestQueue::Request& request, const NodeAttributes& attributes, std::string_view name);
  bool IsOpen(uint64_t parent, std::string_view name) const;
  void TellEvicted(const std::vector<NodeTable::Forgotten>& evicted);
  // Where the kernel cannot forget everything at once, it may hold nothing that the tables do not: collects evictions.
  std::vector<NodeTable::Forgotten>* Collect(std::vector<NodeTable::Forgotten>* evicted) const {
    return protocol_.epoch ? nullptr : evicted;
  }
  Validity ValidityFor(const RequestQueue::Request& request) const {
    return request.table_version == nodes_.version() ? options_.validity : Validity{};
  }

  Mounting mounting_;
  const ServerOptions options_;
  const Hooks hooks_;
  Device device_;
  Lifeline lifeline_;
  Protocol protocol_;

  NodeTable nodes_;
  ContentTable contents_;
  RequestQueue requests_;
  ContentIo io_;
  DirtyNodes dirty_nodes_;
  std::unique_ptr<OpenFiles> files_;
  std::unique_ptr<Echo> echo_;
  std::unique_ptr<Notifier> notifier_;

  std::vector<std::unique_ptr<Thread>> readers_;
  std::atomic<int> readers_running_{0};
  std::atomic<bool> readers_stopping_{false};
  std::atomic<bool> gone_{false};
  const Buffer reply_;  // of the JavaScript thread

  Thread watchdog_;
  std::mutex watchdog_mutex_;
  std::condition_variable watchdog_wake_;
  bool watchdog_stopping_ = false;

  std::mutex stop_mutex_;
  bool stopped_ = false;
  std::optional<MountError> stop_error_;

  std::atomic<uint64_t> dummy_nodes_{0};

  std::atomic<uint64_t> total_blocks_{0};
  std::atomic<uint64_t> free_blocks_{0};
  std::atomic<uint64_t> available_blocks_{0};

  std::atomic<uint64_t> request_counts_[fuse::kOpcodes] = {};
  std::atomic<uint64_t> forwarded_{0};
  std::atomic<uint64_t> passthrough_opens_{0};
  std::atomic<uint64_t> expired_{0};
};

// "LOOKUP" and so on; null for numbers that are not in use.
const char* OpcodeName(uint32_t opcode);

}  // namespace b2bmount
