// One version of one file's bytes: a sparse cache file and which of its bytes are there.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "byte_ranges.h"
#include "dirty_file.h"
#include "unique_fd.h"

namespace b2bmount {

// Shared by the table, the open handles and the reads under way; the last of them closes the file.
//
// A READ of bytes that are not there is parked: its id waits here, the request itself in the RequestQueue. The check
// and the parking happen under one lock with AddPresent(), so that no range can arrive between the two.
//
// Once it is dirty, the file is only the base: what has been written since, and the size, are the DirtyFile's.
class Content {
 public:
  enum class Availability { kPresent, kParked, kDropped };

  Content(uint64_t id, UniqueFd fd, uint64_t size, ByteRanges present, bool verified);

  uint64_t id() const { return id_; }
  int fd() const { return fd_.get(); }
  uint64_t size() const { return size_; }
  bool complete() const { return complete_.load(std::memory_order_acquire); }
  bool verified() const { return verified_.load(std::memory_order_acquire); }
  // Milliseconds of the monotonic clock at the last AddPresent(), 0 before.
  int64_t last_progress() const { return last_progress_.load(std::memory_order_relaxed); }

  // Null until the content was changed here.
  std::shared_ptr<DirtyFile> dirty() const {
    if (!is_dirty_.load(std::memory_order_acquire)) return nullptr;
    const std::lock_guard lock(mutex_);
    return dirty_;
  }
  void SetDirty(std::shared_ptr<DirtyFile> dirty) {
    const std::lock_guard lock(mutex_);
    dirty_ = std::move(dirty);
    is_dirty_.store(true, std::memory_order_release);
  }
  // What a reader is shown.
  uint64_t shown_size() const {
    const auto dirty = this->dirty();
    return dirty != nullptr ? dirty->size() : size_;
  }

  // Whether all of `ranges` are there now. If not, but later, calls `park` (which returns the id of the request, or 0
  // if it will not wait) and remembers that id.
  template <typename Park>
  Availability RequireOrPark(const std::vector<ByteRange>& ranges, Park&& park) {
    if (complete()) return Availability::kPresent;
    const std::lock_guard lock(mutex_);
    if (Covers(ranges)) return Availability::kPresent;
    if (dropped_) return Availability::kDropped;
    if (const uint64_t request = park()) parked_.push_back({request, ranges});
    return Availability::kParked;
  }

  // @returns the parked requests that can be answered now
  std::vector<uint64_t> AddPresent(ByteRange range, int64_t now);
  void SetVerified() { verified_.store(true, std::memory_order_release); }
  // From now on reads of what is not there fail. @returns the parked requests, all of which are to be failed
  std::vector<uint64_t> SetDropped();
  // The request has been answered otherwise.
  void Unpark(uint64_t request);

 private:
  struct Parked {
    uint64_t request;
    std::vector<ByteRange> ranges;
  };

  bool Covers(const std::vector<ByteRange>& ranges) const {
    return std::all_of(ranges.begin(), ranges.end(), [this](ByteRange range) { return present_.Covers(range); });
  }

  const uint64_t id_;
  const UniqueFd fd_;
  const uint64_t size_;
  std::atomic<bool> complete_;
  std::atomic<bool> verified_;
  std::atomic<int64_t> last_progress_{0};
  std::atomic<bool> is_dirty_{false};
  mutable std::mutex mutex_;  // before RequestQueue's
  std::shared_ptr<DirtyFile> dirty_;
  ByteRanges present_;
  bool dropped_ = false;
  std::vector<Parked> parked_;
};

// Used by the JavaScript thread only.
class ContentTable {
 public:
  std::shared_ptr<Content> Add(UniqueFd fd, uint64_t size, ByteRanges present, bool verified);
  std::shared_ptr<Content> Find(uint64_t id) const;
  std::shared_ptr<Content> Remove(uint64_t id);

 private:
  uint64_t last_id_ = 0;
  std::unordered_map<uint64_t, std::shared_ptr<Content>> contents_;
};

}  // namespace b2bmount
