#include "node_record.h"

#include <sys/stat.h>

#include <cmath>
#include <cstring>

namespace b2bmount {
namespace {

constexpr size_t kFixedLength = 72;
constexpr double kMaxSafeInteger = 9007199254740991.0;

template <typename T>
T At(const uint8_t* bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes + offset, sizeof value);
  return value;
}

// NaN fails every comparison, so it is refused too.
bool ToInteger(double number, double smallest, uint64_t* integer) {
  if (!(number >= smallest && number <= kMaxSafeInteger) || number != std::floor(number)) return false;
  *integer = static_cast<uint64_t>(number);
  return true;
}

bool ToMilliseconds(double number, int64_t* milliseconds) {
  if (!(number >= -kMaxSafeInteger && number <= kMaxSafeInteger)) return false;
  *milliseconds = static_cast<int64_t>(std::floor(number));
  return true;
}

void SplitTime(int64_t milliseconds, uint64_t* seconds, uint32_t* nanoseconds) {
  int64_t whole = milliseconds / 1000;
  int64_t rest = milliseconds % 1000;
  if (rest < 0) {  // before 1970
    whole--;
    rest += 1000;
  }
  *seconds = static_cast<uint64_t>(whole);
  *nanoseconds = static_cast<uint32_t>(rest * 1'000'000);
}

}  // namespace

fuse::Attributes ToKernel(const NodeAttributes& attributes, Owner owner) {
  fuse::Attributes out{};
  out.ino = attributes.ino;
  out.size = attributes.size;
  out.blocks = attributes.blocks;
  SplitTime(attributes.modified_milliseconds, &out.mtime, &out.mtime_nanoseconds);
  SplitTime(attributes.changed_milliseconds, &out.ctime, &out.ctime_nanoseconds);
  // Access times are not kept; the time of the last change is the usual stand-in.
  out.atime = out.mtime;
  out.atime_nanoseconds = out.mtime_nanoseconds;
  out.mode = attributes.mode;
  out.links = attributes.links;
  out.uid = owner.uid;
  out.gid = owner.gid;
  out.block_size = 4096;
  return out;
}

fuse::Statx ToStatx(const NodeAttributes& attributes, Owner owner) {
  const fuse::Attributes plain = ToKernel(attributes, owner);
  const auto time = [](uint64_t seconds, uint32_t nanoseconds) {
    return fuse::StatxTime{static_cast<int64_t>(seconds), nanoseconds, 0};
  };
  fuse::Statx out{};
  out.mask = STATX_BASIC_STATS;
  out.block_size = plain.block_size;
  out.links = plain.links;
  out.uid = plain.uid;
  out.gid = plain.gid;
  out.mode = static_cast<uint16_t>(plain.mode);
  out.ino = plain.ino;
  out.size = plain.size;
  out.blocks = plain.blocks;
  out.atime = time(plain.atime, plain.atime_nanoseconds);
  out.mtime = time(plain.mtime, plain.mtime_nanoseconds);
  out.ctime = time(plain.ctime, plain.ctime_nanoseconds);
  if (attributes.created_milliseconds != 0) {
    uint64_t seconds = 0;
    uint32_t nanoseconds = 0;
    SplitTime(attributes.created_milliseconds, &seconds, &nanoseconds);
    out.btime = time(seconds, nanoseconds);
    out.mask |= STATX_BTIME;
  }
  return out;
}

const char* ParseNodeRecord(const uint8_t* bytes, size_t size, NodeRecord* record) {
  if (size < kFixedLength) return "a node record is shorter than its fixed part";
  const auto length = At<uint32_t>(bytes, 0);
  const auto name_length = At<uint32_t>(bytes, 4);
  if (length < kFixedLength || length % 8 != 0 || length > size) return "a node record has a wrong length";
  if (name_length > length - kFixedLength) return "a node record's name does not fit into it";
  NodeAttributes& attributes = record->attributes;
  if (!ToInteger(At<double>(bytes, 8), 1, &attributes.node)) return "a node record has no valid nodeid";
  if (!ToInteger(At<double>(bytes, 16), 1, &attributes.ino)) return "a node record has no valid st_ino";
  if (!ToInteger(At<double>(bytes, 24), 0, &attributes.size)) return "a node record has no valid size";
  if (!ToInteger(At<double>(bytes, 32), 0, &attributes.blocks)) return "a node record has no valid blocks";
  if (!ToMilliseconds(At<double>(bytes, 40), &attributes.modified_milliseconds) ||
      !ToMilliseconds(At<double>(bytes, 48), &attributes.changed_milliseconds) ||
      !ToMilliseconds(At<double>(bytes, 64), &attributes.created_milliseconds)) {
    return "a node record has no valid time";
  }
  attributes.mode = At<uint32_t>(bytes, 56);
  attributes.links = At<uint32_t>(bytes, 60);
  if (!S_ISREG(attributes.mode) && !S_ISDIR(attributes.mode)) return "a node record is neither file nor directory";
  record->name = {reinterpret_cast<const char*>(bytes + kFixedLength), name_length};
  record->length = length;
  return nullptr;
}

bool IsEntryName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameLength || name == "." || name == "..") return false;
  return name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

bool IsUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<uint8_t>(text[i]);
    if (lead < 0x80) {
      i++;
      continue;
    }
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || i + length > text.size()) return false;
    for (size_t k = 1; k < length; k++) {
      if ((static_cast<uint8_t>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    const auto second = static_cast<uint8_t>(text[i + 1]);
    if (lead == 0xE0 && second < 0xA0) return false;  // overlong
    if (lead == 0xED && second > 0x9F) return false;  // surrogates
    if (lead == 0xF0 && second < 0x90) return false;  // overlong
    if (lead == 0xF4 && second > 0x8F) return false;  // beyond U+10FFFF
    i += length;
  }
  return true;
}

}  // namespace b2bmount
