#include "quick_xor_hash.h"

#include <cstring>

namespace b2bmount {
namespace {

constexpr size_t kHashBytes = 20;
constexpr size_t kHashBits = 8 * kHashBytes;
constexpr size_t kShift = 11;

std::string Base64(const uint8_t* bytes, size_t size) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < size; i += 3) {
    const size_t left = size - i;
    const uint32_t group = bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
    text.push_back(kAlphabet[group >> 18]);
    text.push_back(kAlphabet[group >> 12 & 63]);
    text.push_back(left > 1 ? kAlphabet[group >> 6 & 63] : '=');
    text.push_back(left > 2 ? kAlphabet[group & 63] : '=');
  }
  return text;
}

}  // namespace

void QuickXorHash::Update(const uint8_t* bytes, size_t size) {
  size_t place = length_ % kRow;
  length_ += size;
  for (; size > 0 && place != 0; size--) {
    row_[place] ^= *bytes++;
    place = (place + 1) % kRow;
  }
  // In words of a local array: the compiler can keep it in registers, as nothing else can point to it.
  uint64_t words[kRow / sizeof(uint64_t)];
  std::memcpy(words, row_.data(), kRow);
  for (; size >= kRow; size -= kRow, bytes += kRow) {
    uint64_t next[kRow / sizeof(uint64_t)];
    std::memcpy(next, bytes, kRow);
    for (size_t i = 0; i < kRow / sizeof(uint64_t); i++) words[i] ^= next[i];
  }
  std::memcpy(row_.data(), words, kRow);
  for (size_t i = 0; i < size; i++) row_[(place + i) % kRow] ^= bytes[i];
}

std::string QuickXorHash::Digest() const {
  uint8_t hash[kHashBytes] = {};
  for (size_t i = 0; i < kRow; i++) {
    const size_t bit = kShift * i % kHashBits;
    const auto spread = static_cast<uint16_t>(row_[i] << bit % 8);
    hash[bit / 8] ^= static_cast<uint8_t>(spread);
    hash[(bit / 8 + 1) % kHashBytes] ^= static_cast<uint8_t>(spread >> 8);
  }
  // The length, little-endian, over the last 8 bytes.
  for (size_t i = 0; i < sizeof length_; i++) {
    hash[kHashBytes - sizeof length_ + i] ^= static_cast<uint8_t>(length_ >> 8 * i);
  }
  return Base64(hash, kHashBytes);
}

}  // namespace b2bmount
