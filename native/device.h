// /dev/fuse, one connection: requests out of it, answers and notifications into it.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <string_view>

#include "fuse_protocol.h"
#include "unique_fd.h"

namespace b2bmount {

// Every method may be called from any thread. Notify*() may sleep for as long as a request on the same directory or
// page is unanswered, so only the notifier thread calls them.
class Device {
 public:
  explicit Device(UniqueFd fd) : fd_(std::move(fd)) {}

  // One request. @returns its length, or a negative errno: ENODEV and ECONNABORTED mean that the mount is gone
  ssize_t Read(void* buffer, size_t capacity) const;

  // Answers. False: the requester has gone (interrupted, aborted) and nobody saw the answer; that is no failure of
  // ours.
  bool ReplyError(uint64_t unique, int error) const;
  bool Reply(uint64_t unique, const void* payload, size_t size) const;
  bool ReplyEmpty(uint64_t unique) const { return Reply(unique, nullptr, 0); }
  // One piece within one page: of each piece the kernel looks up the page, which costs as much as copying kilobytes.
  template <typename Payload>
  bool Reply(uint64_t unique, const Payload& payload) const {
    constexpr size_t kRoom = sizeof(fuse::OutHeader) + sizeof(Payload) > kSmallReply ? 2 * kSmallReply : kSmallReply;
    struct alignas(kRoom) Whole {
      fuse::OutHeader header;
      Payload payload;
    } whole{{}, payload};
    static_assert(sizeof whole == kRoom);
    return ReplyInPlace(unique, reinterpret_cast<uint8_t*>(&whole.payload), sizeof payload);
  }
  // `payload` stands right behind room for the header: one write from one buffer.
  bool ReplyInPlace(uint64_t unique, uint8_t* payload, size_t size) const;

  // @returns 0 or a negative errno; ENOENT is normal: the kernel does not hold what is to be forgotten
  int InvalidateInode(uint64_t node, int64_t offset, int64_t length) const;
  int InvalidateEntry(uint64_t parent, std::string_view name, uint32_t flags) const;
  // EINVAL: this kernel does not have it (before 6.16).
  int IncrementEpoch() const;

  // Registers a file for passthrough. @returns a backing id > 0, or a negative errno
  int OpenBacking(int fd) const;
  void CloseBacking(int backing_id) const;

 private:
  static constexpr size_t kSmallReply = 256;

  bool WriteReply(uint64_t unique, const iovec* parts, int count) const;
  int Notify(fuse::NotifyCode code, const iovec* parts, int count) const;

  const UniqueFd fd_;
};

}  // namespace b2bmount
