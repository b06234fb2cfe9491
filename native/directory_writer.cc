#include "directory_writer.h"

#include <sys/stat.h>

#include <cstring>

namespace b2bmount {

fuse::EntryOut ToEntry(const NodeAttributes& attributes, Owner owner, Validity validity) {
  fuse::EntryOut entry{};
  entry.node = attributes.node;
  entry.entry_valid = entry.attributes_valid = validity.seconds;
  entry.entry_valid_nanoseconds = entry.attributes_valid_nanoseconds = validity.nanoseconds;
  entry.attributes = ToKernel(attributes, owner);
  return entry;
}

void DirectoryWriter::AddDots(uint64_t ino, uint64_t parent_ino) {
  // Entries of node 0: the kernel knows these two, they carry no reference.
  if (offset_ < kDotOffset) Append({}, ino, kDotOffset, S_IFDIR, ".");
  if (offset_ < kDotDotOffset) Append({}, parent_ino, kDotDotOffset, S_IFDIR, "..");
}

bool DirectoryWriter::Add(const NodeTable::ListedNode& child) {
  const NodeAttributes& attributes = child.attributes;
  // Node 0 means that the kernel has to LOOKUP when it wants more than the name.
  const fuse::EntryOut entry =
      plus_ && child.attributes_known ? ToEntry(attributes, owner_, validity_) : fuse::EntryOut{};
  return Append(entry, attributes.ino, attributes.ino + kDotDotOffset, attributes.mode, child.name);
}

bool DirectoryWriter::Append(const fuse::EntryOut& entry, uint64_t ino, uint64_t offset, uint32_t mode,
                             std::string_view name) {
  const size_t head = plus_ ? sizeof(fuse::DirentPlus) : sizeof(fuse::Dirent);
  const size_t length = (head + name.size() + 7) & ~size_t{7};
  if (length > capacity_ - size_) return false;
  uint8_t* place = buffer_ + size_;
  if (plus_) {
    std::memcpy(place, &entry, sizeof entry);
    place += sizeof entry;
  }
  const fuse::Dirent dirent{ino, offset, static_cast<uint32_t>(name.size()), (mode & S_IFMT) >> 12};
  std::memcpy(place, &dirent, sizeof dirent);
  std::memcpy(place + sizeof dirent, name.data(), name.size());
  std::memset(place + sizeof dirent + name.size(), 0, length - head - name.size());
  size_ += length;
  return true;
}

}  // namespace b2bmount
