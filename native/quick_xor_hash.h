// QuickXorHash, the content hash that SharePoint and OneDrive for Business report.
// https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace b2bmount {

// Byte i of the stream is XORed into a 160-bit ring at bit 11 * i. The places repeat after 160 bytes, so rows of 160
// bytes are XORed onto each other, which the compiler vectorises, and only the last row is spread over the ring.
class QuickXorHash {
 public:
  void Update(const uint8_t* bytes, size_t size);
  // Base64, as Graph reports it.
  std::string Digest() const;

 private:
  static constexpr size_t kRow = 160;

  alignas(64) std::array<uint8_t, kRow> row_{};
  uint64_t length_ = 0;
};

}  // namespace b2bmount
