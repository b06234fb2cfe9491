// The arguments of a call from JavaScript, checked.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "byte_ranges.h"
#include "node_record.h"

namespace b2bmount {

constexpr double kMaxSafeInteger = 9007199254740991.0;

void ThrowTypeError(Napi::Env env, const std::string& message);

// After the first argument that is wrong a TypeError is pending and all answers are empty.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info), env_(info.Env()) {}

  bool valid() const { return valid_; }

  // A whole number, not negative.
  uint64_t Integer(size_t index, const char* name);
  bool Boolean(size_t index, const char* name);
  std::string EntryName(size_t index, const char* name);
  // Names with a slash between two; empty is none.
  std::string Path(size_t index, const char* name);
  // They, and the records in them, stay where they are for the time of the call.
  std::pair<const uint8_t*, size_t> Bytes(size_t index, const char* name);
  // Exactly one.
  NodeRecord Record(size_t index, const char* name);
  // Any number, ascending by st_ino, with names.
  std::vector<NodeRecord> Records(size_t index, const char* name);
  // A Float64Array of pairs start, end.
  ByteRanges Ranges(size_t index, const char* name);

 private:
  void Refuse(const std::string& message);

  const Napi::CallbackInfo& info_;
  const Napi::Env env_;
  bool valid_ = true;
};

}  // namespace b2bmount
