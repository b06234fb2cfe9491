#include "content_io.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "full_io.h"

namespace b2bmount {
bool ContentIo::Start() {
  for (Thread& thread : threads_) {
    if (!thread.Start("b2b-io", [this] { Run(); })) return false;
  }
  return true;
}

void ContentIo::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (Thread& thread : threads_) thread.Join();
}

void ContentIo::AnswerRead(uint64_t unique, const Content& content, ByteRange range, const Buffer& buffer) {
  uint8_t* bytes = buffer.data() + kPageSize;
  size_t size = 0;
  int error;
  if (const auto dirty = content.dirty()) {
    error = dirty->Read(range, content.fd(), bytes, &size);
  } else {
    const uint64_t end = std::min(range.end, content.size());
    size = range.start < end ? end - range.start : 0;
    error = ReadFully(content.fd(), bytes, size, range.start);
  }
  if (error != 0) {
    device_.ReplyError(unique, error);
  } else if (device_.ReplyInPlace(unique, bytes, size)) {
    bytes_read_.fetch_add(size, std::memory_order_relaxed);
  }
}

void ContentIo::AnswerChange(uint64_t unique, const Content& content, const Change& change) {
  const auto dirty = content.dirty();
  if (const int error = dirty != nullptr ? dirty->Apply(change) : EIO) {
    device_.ReplyError(unique, error);
  } else if (change.what == Change::What::kWrite) {
    const uint64_t size = change.range.end - change.range.start;
    bytes_written_.fetch_add(size, std::memory_order_relaxed);
    device_.Reply(unique, fuse::WriteOut{static_cast<uint32_t>(size), 0});
    WriteAhead(dirty);
  } else {
    device_.ReplyEmpty(unique);
  }
}

// One at a time, so that the other thread is there for whom waits.
void ContentIo::WriteAhead(std::shared_ptr<DirtyFile> dirty) {
  if (writing_ahead_.exchange(true)) return;
  const auto range = dirty->TakeForDisk();
  if (!range) {
    writing_ahead_ = false;
    return;
  }
  Post({0, [this, dirty = std::move(dirty), range = *range](const Buffer&) {
          dirty->StartWriting(range);
          writing_ahead_ = false;
        }});
}

void ContentIo::AnswerReadLater(uint64_t unique, std::shared_ptr<Content> content, ByteRange range) {
  Post({unique, [this, unique, content = std::move(content), range](const Buffer& buffer) {
          AnswerRead(unique, *content, range, buffer);
        }});
}

void ContentIo::AnswerChangeLater(uint64_t unique, std::shared_ptr<Content> content, const Change& change,
                                  std::shared_ptr<const std::vector<uint8_t>> bytes) {
  Post({unique, [this, unique, content = std::move(content), change, bytes = std::move(bytes)](const Buffer&) {
          Change own = change;
          if (bytes != nullptr) own.bytes = bytes->data();
          AnswerChange(unique, *content, own);
        }});
}

void ContentIo::Post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      tasks_.push_back(std::move(task));
      task.answer = nullptr;
    }
  }
  if (task.answer != nullptr) {
    if (task.unique != 0) device_.ReplyError(task.unique, EIO);
    return;
  }
  wake_.notify_one();
}

void ContentIo::Run() {
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
      if (task.unique != 0) device_.ReplyError(task.unique, ENOMEM);
    } else {
      task.answer(buffer);
    }
  }
}

}  // namespace b2bmount
