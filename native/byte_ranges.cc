#include "byte_ranges.h"

#include <algorithm>
#include <iterator>

namespace b2bmount {

void ByteRanges::Add(ByteRange range) {
  if (range.start >= range.end) return;
  auto next = end_by_start_.upper_bound(range.start);
  if (next != end_by_start_.begin()) {
    const auto before = std::prev(next);
    if (before->second >= range.start) next = before;
  }
  while (next != end_by_start_.end() && next->first <= range.end) {
    range.start = std::min(range.start, next->first);
    range.end = std::max(range.end, next->second);
    next = end_by_start_.erase(next);
  }
  end_by_start_.emplace_hint(next, range.start, range.end);
}

bool ByteRanges::Covers(ByteRange range) const {
  if (range.start >= range.end) return true;
  const auto next = end_by_start_.upper_bound(range.start);
  return next != end_by_start_.begin() && std::prev(next)->second >= range.end;
}

std::vector<ByteRange> ByteRanges::Missing(ByteRange range) const {
  std::vector<ByteRange> gaps;
  uint64_t start = range.start;
  auto next = end_by_start_.upper_bound(start);
  if (next != end_by_start_.begin()) start = std::max(start, std::prev(next)->second);
  for (; start < range.end && next != end_by_start_.end() && next->first < range.end; ++next) {
    gaps.push_back({start, next->first});
    start = next->second;
  }
  if (start < range.end) gaps.push_back({start, range.end});
  return gaps;
}

std::vector<ByteRange> ByteRanges::All() const {
  std::vector<ByteRange> all;
  all.reserve(end_by_start_.size());
  for (const auto& [start, end] : end_by_start_) all.push_back({start, end});
  return all;
}

}  // namespace b2bmount
