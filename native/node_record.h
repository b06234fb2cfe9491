// What stat(2) shows of one inode, and the packed form in which JavaScript hands it over (NodeRecord in index.d.ts).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuse_protocol.h"

namespace b2bmount {

struct NodeAttributes {
  uint64_t node;  // the kernel's identity
  uint64_t ino;   // st_ino
  uint64_t size;
  uint64_t blocks;
  int64_t modified_milliseconds;
  int64_t changed_milliseconds;
  int64_t created_milliseconds;  // 0: not known
  uint32_t mode;  // with the type
  uint32_t links;
};

struct Owner {
  uint32_t uid;
  uint32_t gid;
};

fuse::Attributes ToKernel(const NodeAttributes& attributes, Owner owner);
// The same for statx(2), which has the time of birth, too.
fuse::Statx ToStatx(const NodeAttributes& attributes, Owner owner);

struct NodeRecord {
  NodeAttributes attributes;
  std::string_view name;  // in the packed bytes
  size_t length;          // of the packed bytes
};

// Reads the record at the beginning of [bytes, bytes + size). @returns null, or what is wrong with it
const char* ParseNodeRecord(const uint8_t* bytes, size_t size, NodeRecord* record);

// A name that a directory can show: 1 to 255 bytes, no '/', no NUL, neither "." nor "..".
bool IsEntryName(std::string_view name);

bool IsUtf8(std::string_view text);

// Linux limits a component to this; the kernel would let FUSE have more.
constexpr size_t kMaxNameLength = 255;

}  // namespace b2bmount
