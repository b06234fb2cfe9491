// The bytes of a file that was changed here, over those of the content that the change began with.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "byte_ranges.h"
#include "shared_mutex.h"
#include "unique_fd.h"

namespace b2bmount {

// WRITE or FALLOCATE.
struct Change {
  enum class What : uint8_t { kWrite, kAllocate, kZero };
  What what;
  ByteRange range;
  const uint8_t* bytes;  // kWrite
  bool grows;            // the other two, where they go beyond the end of the file
};

// `DirtyFile` of index.d.ts, which says what is in the file and what in its log. Shared by the contents of all sessions and
// by JavaScript; any thread. Changes wait for each other and for the disk's cache, as write(2) does; size and times are
// there without waiting.
//
// What is given by the base only ever becomes less: who has seen that a byte of the base is there need not look again.
//
// Every method that changes something returns 0, or an errno and has changed nothing.
class DirtyFile {
 public:
  // @param log -1: there is no base, the file is all there is. @param modified milliseconds since the epoch
  DirtyFile(UniqueFd fd, UniqueFd log, uint64_t size, uint64_t base_end, ByteRanges written, int64_t modified);

  uint64_t size() const { return size_.load(std::memory_order_acquire); }
  // Milliseconds since the epoch.
  int64_t modified() const { return modified_.load(std::memory_order_acquire); }
  // Of the last change of bytes or attributes since it was opened; 0: there was none.
  int64_t changed() const { return changed_.load(std::memory_order_acquire); }
  // Counts the changes.
  uint64_t revision() const { return revision_.load(std::memory_order_acquire); }
  // Milliseconds since the epoch: when a byte, or the size, was changed last.
  int64_t written_at() const { return written_at_.load(std::memory_order_acquire); }
  // Counts the changes of bytes and size. Waits for one under way, which may have put a part of its bytes.
  uint64_t Writes() const;
  uint64_t base_end() const { return base_end_.load(std::memory_order_acquire); }
  // That somebody has set by way of this; negative: nobody has.
  int32_t permissions() const { return permissions_.load(std::memory_order_acquire); }

  int Apply(const Change& change);
  int Write(uint64_t offset, const uint8_t* bytes, size_t size);
  int Truncate(uint64_t size);
  // Zeros from now on; does not grow.
  int Zero(ByteRange range);
  // Room on the disk for what will be written there. @param grow whether the file gets as long
  int Allocate(ByteRange range, bool grow);
  // Bytes of the base, for where it still gives them. No change.
  int Fill(uint64_t offset, const uint8_t* bytes, size_t size);
  // What was written since the last call, if that is much: the disk can begin with it before fsync(2) waits for all of it.
  std::optional<ByteRange> TakeForDisk();
  // Returns when the disk has begun. Nobody's but the kernel's business whether it does.
  void StartWriting(ByteRange range) const;
  // Somebody has changed bytes without this object, by a mapping of the file.
  void WrittenOutside(int64_t modified);
  void SetModified(int64_t modified) { modified_.store(modified, std::memory_order_release); }
  void SetPermissions(int32_t permissions) { permissions_.store(permissions, std::memory_order_release); }
  // By a program: counts as a change. The time is also set of the file, where it is looked for after a crash.
  int ChangeAttributes(std::optional<int64_t> modified, std::optional<uint32_t> permissions);

  // What of `range` the base gives, ascending.
  std::vector<ByteRange> FromBase(ByteRange range) const;
  std::vector<ByteRange> Written() const;

  // The bytes of `range` up to the size, how many in `got`. What the base gives is read from `base`, which must have it;
  // -1: zeros.
  int Read(ByteRange range, int base, uint8_t* bytes, size_t* got) const;

  // JavaScript has noted in its store what the file was like at this revision.
  void SetNoted(uint64_t revision) { noted_.store(revision, std::memory_order_release); }
  uint64_t noted() const { return noted_.load(std::memory_order_acquire); }

 private:
  std::vector<ByteRange> FromBaseLocked(ByteRange range) const;
  int Put(uint64_t offset, const uint8_t* bytes, size_t size);
  int NoteWritten(ByteRange range);
  int Append(uint64_t kind, uint64_t first, uint64_t second);
  void Changed();

  const UniqueFd fd_;
  const UniqueFd log_;
  mutable SharedMutex mutex_;  // taken alone; changes hold it alone, reading is shared
  // Written under the lock.
  std::atomic<uint64_t> size_;
  std::atomic<uint64_t> base_end_;
  std::atomic<int64_t> modified_;
  std::atomic<int64_t> changed_{0};
  std::atomic<int32_t> permissions_{-1};
  std::atomic<uint64_t> revision_{0};
  std::atomic<uint64_t> noted_{0};
  std::atomic<int64_t> written_at_;
  uint64_t writes_ = 0;
  ByteRanges written_;
  ByteRange for_disk_{0, 0};
  uint64_t bytes_for_disk_ = 0;
};

}  // namespace b2bmount
