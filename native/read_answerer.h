// Answers READs from cache files, and the parked ones on threads of its own once their bytes have come.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "buffer.h"
#include "content.h"
#include "device.h"
#include "thread.h"

namespace b2bmount {

// The most that one READ asks for, by what INIT negotiates. Answers are built behind one page, whose end takes the
// header.
constexpr size_t kMaxRead = 1024 * 1024;
constexpr size_t kReplyCapacity = kPageSize + kMaxRead;

class ReadAnswerer {
 public:
  explicit ReadAnswerer(const Device& device) : device_(device) {}

  bool Start();
  // Answers what is queued, then ends the threads.
  void Stop();

  // Any thread. INVARIANT: `range` is present in `content`. @param buffer of kReplyCapacity
  void Answer(uint64_t unique, const Content& content, ByteRange range, const Buffer& buffer);
  // The same, on a thread of ours. Never blocks.
  void AnswerLater(uint64_t unique, std::shared_ptr<Content> content, ByteRange range);

  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr int kThreads = 2;

  struct Task {
    uint64_t unique;
    std::shared_ptr<Content> content;
    ByteRange range;
  };

  void Run();

  const Device& device_;
  Thread threads_[kThreads];
  std::atomic<uint64_t> bytes_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
};

}  // namespace b2bmount
