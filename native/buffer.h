// Page-aligned memory of a thread. Pages that are never touched cost nothing.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace b2bmount {

constexpr size_t kPageSize = 4096;

class Buffer {
 public:
  explicit Buffer(size_t capacity) : capacity_(capacity) {
    void* memory = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    data_ = memory == MAP_FAILED ? nullptr : static_cast<uint8_t*>(memory);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (data_ != nullptr) munmap(data_, capacity_);
  }

  uint8_t* data() const { return data_; }  // null: no memory
  size_t capacity() const { return capacity_; }

 private:
  const size_t capacity_;
  uint8_t* data_;
};

}  // namespace b2bmount
