#include "arguments.h"

#include <algorithm>

#include <cmath>

namespace b2bmount {

void ThrowTypeError(Napi::Env env, const std::string& message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
}

uint64_t Arguments::Integer(size_t index, const char* name) {
  if (!valid_) return 0;
  const double number =
      index < info_.Length() && info_[index].IsNumber() ? info_[index].As<Napi::Number>().DoubleValue() : -1;
  if (number >= 0 && number <= kMaxSafeInteger && number == std::floor(number)) return static_cast<uint64_t>(number);
  Refuse(std::string(name) + " must be a whole number, not negative");
  return 0;
}

bool Arguments::Boolean(size_t index, const char* name) {
  if (!valid_) return false;
  if (index < info_.Length() && info_[index].IsBoolean()) return info_[index].As<Napi::Boolean>().Value();
  Refuse(std::string(name) + " must be a boolean");
  return false;
}

std::string Arguments::Path(size_t index, const char* name) {
  if (!valid_) return {};
  if (index < info_.Length() && info_[index].IsString()) {
    std::string text = info_[index].As<Napi::String>().Utf8Value();
    bool fits = true;
    for (size_t start = 0; fits && !text.empty() && start <= text.size();) {
      const size_t end = std::min(text.find('/', start), text.size());
      fits = IsEntryName(std::string_view(text).substr(start, end - start));
      start = end + 1;
    }
    if (fits) return text;
  }
  Refuse(std::string(name) + " must be names with a slash between two");
  return {};
}

std::string Arguments::EntryName(size_t index, const char* name) {
  if (!valid_) return {};
  if (index < info_.Length() && info_[index].IsString()) {
    std::string text = info_[index].As<Napi::String>().Utf8Value();
    if (IsEntryName(text)) return text;
  }
  Refuse(std::string(name) + " must be a name that a directory can have");
  return {};
}

std::pair<const uint8_t*, size_t> Arguments::Bytes(size_t index, const char* name) {
  if (!valid_) return {nullptr, 0};
  if (index < info_.Length() && info_[index].IsTypedArray() &&
      info_[index].As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
    const auto bytes = info_[index].As<Napi::Uint8Array>();
    return {bytes.Data(), bytes.ByteLength()};
  }
  Refuse(std::string(name) + " must be a Uint8Array");
  return {nullptr, 0};
}

NodeRecord Arguments::Record(size_t index, const char* name) {
  const auto [bytes, size] = Bytes(index, name);
  NodeRecord record{};
  if (!valid_) return record;
  if (const char* problem = ParseNodeRecord(bytes, size, &record)) {
    Refuse(problem);
  } else if (record.length != size) {
    Refuse(std::string(name) + " must be one node record");
  }
  return record;
}

std::vector<NodeRecord> Arguments::Records(size_t index, const char* name) {
  const auto [bytes, size] = Bytes(index, name);
  std::vector<NodeRecord> records;
  for (size_t offset = 0; valid_ && offset < size;) {
    NodeRecord record{};
    const char* problem = ParseNodeRecord(bytes + offset, size - offset, &record);
    if (problem == nullptr && (!IsEntryName(record.name) || !IsUtf8(record.name))) {
      problem = "a node record has a name that no directory can have";
    }
    if (problem == nullptr && !records.empty() && records.back().attributes.ino >= record.attributes.ino) {
      problem = "node records must ascend by st_ino";
    }
    if (problem != nullptr) {
      Refuse(problem);
      break;
    }
    offset += record.length;
    records.push_back(record);
  }
  return records;
}

ByteRanges Arguments::Ranges(size_t index, const char* name) {
  ByteRanges ranges;
  if (!valid_) return ranges;
  if (index < info_.Length() && info_[index].IsTypedArray() &&
      info_[index].As<Napi::TypedArray>().TypedArrayType() == napi_float64_array) {
    const auto numbers = info_[index].As<Napi::Float64Array>();
    bool ordered = numbers.ElementLength() % 2 == 0;
    for (size_t i = 0; ordered && i < numbers.ElementLength(); i += 2) {
      const double start = numbers.Data()[i];
      const double end = numbers.Data()[i + 1];
      ordered = start >= 0 && start <= end && end <= kMaxSafeInteger;
      if (ordered) ranges.Add({static_cast<uint64_t>(start), static_cast<uint64_t>(end)});
    }
    if (ordered) return ranges;
  }
  Refuse(std::string(name) + " must be a Float64Array of pairs start, end");
  return ranges;
}

void Arguments::Refuse(const std::string& message) {
  valid_ = false;
  ThrowTypeError(env_, message);
}

}  // namespace b2bmount
