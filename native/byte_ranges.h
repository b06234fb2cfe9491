// A set of bytes of a file, as half-open ranges.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace b2bmount {

struct ByteRange {
  uint64_t start;
  uint64_t end;
};

// INVARIANT: the ranges neither touch nor overlap, and none is empty.
class ByteRanges {
 public:
  void Add(ByteRange range);
  bool Covers(ByteRange range) const;
  // The parts of `range` that are not in the set, ascending.
  std::vector<ByteRange> Missing(ByteRange range) const;
  std::vector<ByteRange> All() const;

 private:
  std::map<uint64_t, uint64_t> end_by_start_;
};

}  // namespace b2bmount
