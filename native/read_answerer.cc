#include "read_answerer.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace b2bmount {
namespace {

// @returns 0 or an errno. Less than asked for is an error, too: somebody has cut the cache file.
int ReadFully(int fd, uint8_t* bytes, size_t size, uint64_t offset) {
  while (size > 0) {
    const ssize_t got = pread(fd, bytes, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return EIO;
    bytes += got;
    size -= static_cast<size_t>(got);
    offset += static_cast<uint64_t>(got);
  }
  return 0;
}

}  // namespace

bool ReadAnswerer::Start() {
  for (Thread& thread : threads_) {
    if (!thread.Start("b2b-io", [this] { Run(); })) return false;
  }
  return true;
}

void ReadAnswerer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (Thread& thread : threads_) thread.Join();
}

void ReadAnswerer::Answer(uint64_t unique, const Content& content, ByteRange range, const Buffer& buffer) {
  uint8_t* bytes = buffer.data() + kPageSize;
  const size_t size = range.end - range.start;
  if (const int error = ReadFully(content.fd(), bytes, size, range.start)) {
    device_.ReplyError(unique, error);
  } else if (device_.ReplyInPlace(unique, bytes, size)) {
    bytes_.fetch_add(size, std::memory_order_relaxed);
  }
}

void ReadAnswerer::AnswerLater(uint64_t unique, std::shared_ptr<Content> content, ByteRange range) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      tasks_.push_back({unique, std::move(content), range});
      content = nullptr;
    }
  }
  if (content != nullptr) {
    device_.ReplyError(unique, EIO);
    return;
  }
  wake_.notify_one();
}

void ReadAnswerer::Run() {
  const Buffer buffer(kReplyCapacity);
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    if (buffer.data() == nullptr) {
      device_.ReplyError(task.unique, ENOMEM);
    } else {
      Answer(task.unique, *task.content, task.range, buffer);
    }
  }
}

}  // namespace b2bmount
