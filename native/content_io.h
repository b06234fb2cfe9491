// Reads and writes contents for the kernel: at once, or on threads of its own when what they waited for has come.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
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

class ContentIo {
 public:
  explicit ContentIo(const Device& device) : device_(device) {}

  bool Start();
  // Answers what is queued, then ends the threads.
  void Stop();

  // Any thread. INVARIANT: what the base gives of `range` is present in `content`. @param range may go beyond the end of
  // the file. @param buffer of kReplyCapacity
  void AnswerRead(uint64_t unique, const Content& content, ByteRange range, const Buffer& buffer);
  // Any thread. INVARIANT: `content` is dirty.
  void AnswerChange(uint64_t unique, const Content& content, const Change& change);
  // The same, on a thread of ours. Never block.
  void AnswerReadLater(uint64_t unique, std::shared_ptr<Content> content, ByteRange range);
  // @param bytes those of the change
  void AnswerChangeLater(uint64_t unique, std::shared_ptr<Content> content, const Change& change,
                         std::shared_ptr<const std::vector<uint8_t>> bytes);

  uint64_t bytes_read() const { return bytes_read_.load(std::memory_order_relaxed); }
  uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }

 private:
  static constexpr int kThreads = 2;

  struct Task {
    uint64_t unique;  // 0: nobody waits
    std::function<void(const Buffer&)> answer;
  };

  void WriteAhead(std::shared_ptr<DirtyFile> dirty);
  void Post(Task task);
  void Run();

  const Device& device_;
  Thread threads_[kThreads];
  std::atomic<uint64_t> bytes_read_{0};
  std::atomic<uint64_t> bytes_written_{0};
  std::atomic<bool> writing_ahead_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
};

}  // namespace b2bmount
