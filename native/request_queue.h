// Kernel requests that wait for JavaScript, and what JavaScript is to be told.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "byte_ranges.h"
#include "content.h"
#include "dirty_file.h"

namespace b2bmount {

// A request's life. Whoever takes it out of the queue owns it, and has to answer the kernel exactly once:
//
//   reader thread --Add--> waiting --Take--> JavaScript's reply, a read whose bytes have come
//                             |-----Interrupt--> EINTR by the reader that got INTERRUPT (or FLUSH)
//                             |-----TakeExpired--> EIO by the watchdog; what changes the tree becomes overdue
//                             +-----Close--> EIO at the end
//
// INVARIANT: an id is given out once; after its request has been taken the id leads nowhere.
class RequestQueue {
 public:
  enum class Kind : uint8_t {
    kLookup, kGetattr, kReaddir, kOpen, kRead, kGetxattr, kSetxattr, kRemovexattr,
    kCreate, kMkdir, kUnlink, kRmdir, kRename, kSetattr,
    kBeginWrite,  // a WRITE or FALLOCATE that waits until its content is dirty
    kFsync,
  };

  // SETATTR; what is absent stays.
  struct Attributes {
    std::optional<uint64_t> size;
    std::optional<int64_t> modified_milliseconds;
    std::optional<uint32_t> permissions;
    std::optional<uint32_t> uid;
    std::optional<uint32_t> gid;
    bool touched = false;  // whatever is set, be it what it was, or what is not kept
    std::optional<uint64_t> handle;
  };

  struct Request {
    Kind kind;
    bool plus = false;   // READDIRPLUS
    bool statx = false;  // STATX, not GETATTR
    bool opens = false;  // CREATE, not MKNOD
    uint32_t size = 0;   // of the buffer that the kernel offers: READDIR, GETXATTR
    uint32_t flags = 0;  // OPEN, CREATE, RENAME2, SETXATTR
    uint32_t mode = 0;   // CREATE, MKNOD, MKDIR
    uint32_t pid = 0;
    uint32_t uid = 0;
    uint64_t unique = 0;                                  // the kernel's id
    uint64_t node = 0;                                    // where there is a name: the parent
    uint64_t handle = 0;                                  // READ, WRITE, FALLOCATE, FSYNC (0: of a directory)
    uint64_t offset = 0;                                  // READDIR
    ByteRange range{};                                    // READ
    ByteRange missing{};                                  // READ: what of it is waited for
    std::string name{};                                   // LOOKUP, …XATTR, CREATE, MKNOD, MKDIR, UNLINK, RMDIR, RENAME
    std::string value{};                                  // SETXATTR
    uint64_t new_parent = 0;                              // RENAME
    std::string new_name{};                               // RENAME
    Attributes attributes{};                              // SETATTR
    Change change{};                                      // kBeginWrite
    std::shared_ptr<const std::vector<uint8_t>> bytes{};  // kBeginWrite: of a WRITE
    std::shared_ptr<Content> content{};                   // READ, kBeginWrite, FLUSH
    int64_t since = 0;                                    // milliseconds of the monotonic clock
    bool delivered = false;                               // JavaScript has seen it
    // NodeTable::version() when JavaScript got the request: an older answer is not kept.
    uint64_t table_version = 0;

    // Once JavaScript has begun, nobody but JavaScript knows whether it has happened.
    bool changes_the_tree() const {
      return kind == Kind::kCreate || kind == Kind::kMkdir || kind == Kind::kUnlink || kind == Kind::kRmdir ||
             kind == Kind::kRename || kind == Kind::kSetattr;
    }
  };

  // What JavaScript is told, in this order.
  struct Event {
    enum class Type : uint8_t { kRequest, kRelease, kCancelled, kListed };
    Type type;
    uint64_t id;  // of the request; kRelease: the handle; kListed: the directory's node
    std::optional<Request> request;
  };

  enum class Admission { kWaiting, kInterrupted, kClosed };

  // @param ring called when there is something to drain after there was nothing; from any thread, must not block
  explicit RequestQueue(std::function<void()> ring) : ring_(std::move(ring)) {}

  // @returns kWaiting and an id, or that the caller is still the owner and has to answer
  Admission Add(Request request, uint64_t* id);
  std::optional<Request> Take(uint64_t id);
  // A copy; the request stays.
  std::optional<Request> Peek(uint64_t id) const;

  // What was answered with EIO because JavaScript was late: it has answered now, and the kernel does not know of it.
  std::optional<Request> TakeOverdue(uint64_t id);

  // Takes the request that the kernel calls `unique` and tells JavaScript. If it is not here, it may still be on its
  // way from another reader: Add() will refuse it. What JavaScript may have carried out already is not taken: it is
  // told, and answers.
  std::optional<Request> Interrupt(uint64_t unique);
  struct WaitingRead {
    uint64_t id;
    uint32_t pid;
  };
  std::vector<WaitingRead> ReadsOfHandle(uint64_t handle) const;
  // Takes all reads of `node`, and tells JavaScript.
  std::vector<Request> CancelReadsOfNode(uint64_t node);
  // Takes one and, if JavaScript has seen it, tells that its answer is no longer wanted.
  std::optional<Request> Cancel(uint64_t id);
  // Takes what nobody has answered, and whose content has not grown, since `before`, and whatever is from before
  // `in_any_case`; tells JavaScript.
  std::vector<Request> TakeExpired(int64_t before, int64_t in_any_case);
  // Takes everything; nothing is admitted any more.
  std::vector<Request> Close();

  void PostRelease(uint64_t handle) { Post(Event::Type::kRelease, handle); }
  // A listing that was offered has been read for the first time.
  void PostListed(uint64_t node) { Post(Event::Type::kListed, node); }
  // @param table_version noted in the requests that are given out
  std::vector<Event> Drain(size_t limit, uint64_t table_version, bool* more);

 private:
  struct Outgoing {
    Event::Type type;
    uint64_t id;
  };

  std::vector<Request> TakeIf(const std::function<bool(const Request&)>& wanted);
  void Post(Event::Type type, uint64_t id);
  bool Push(Event::Type type, uint64_t id);  // true: ring

  const std::function<void()> ring_;
  mutable std::mutex mutex_;  // taken last, nothing is called under it
  uint64_t last_id_ = 0;
  bool closed_ = false;
  std::unordered_map<uint64_t, Request> waiting_;
  std::unordered_map<uint64_t, uint64_t> id_by_unique_;
  std::unordered_map<uint64_t, Request> overdue_;
  std::deque<Outgoing> outgoing_;
  // Interrupted before they were added. Never reused by the kernel, so old ones do no harm.
  std::deque<uint64_t> interrupted_early_;
};

}  // namespace b2bmount
