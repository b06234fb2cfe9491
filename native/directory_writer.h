// Packs directory entries into the answer to READDIR or READDIRPLUS.
#pragma once

#include <cstddef>
#include <cstdint>

#include "node_table.h"

namespace b2bmount {

// How long the kernel may keep an entry or attributes.
struct Validity {
  uint64_t seconds = 0;
  uint32_t nanoseconds = 0;
};

fuse::EntryOut ToEntry(const NodeAttributes& attributes, Owner owner, Validity validity);

// An entry's offset is derived from its st_ino, so that a listing can go on after any entry without any state,
// even when other entries have come or gone meanwhile.
class DirectoryWriter {
 public:
  // @param offset where the kernel wants to go on: 0 at the beginning
  DirectoryWriter(uint8_t* buffer, size_t capacity, bool plus, uint64_t offset, Owner owner, Validity validity)
      : buffer_(buffer), capacity_(capacity), plus_(plus), offset_(offset), owner_(owner), validity_(validity) {}

  // The children to add are those with a st_ino above this.
  uint64_t after_ino() const { return offset_ > kDotDotOffset ? offset_ - kDotDotOffset : 0; }

  void AddDots(uint64_t ino, uint64_t parent_ino);
  // False: the buffer is full.
  bool Add(const NodeTable::ListedNode& child);
  size_t size() const { return size_; }

 private:
  static constexpr uint64_t kDotOffset = 1;
  static constexpr uint64_t kDotDotOffset = 2;

  bool Append(const fuse::EntryOut& entry, uint64_t ino, uint64_t offset, uint32_t mode, std::string_view name);

  uint8_t* const buffer_;
  const size_t capacity_;
  const bool plus_;
  const uint64_t offset_;
  const Owner owner_;
  const Validity validity_;
  size_t size_ = 0;
};

}  // namespace b2bmount
