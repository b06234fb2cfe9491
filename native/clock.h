// What time it is.
#pragma once

#include <chrono>
#include <cstdint>

namespace b2bmount {

// Since the epoch.
inline int64_t WallMilliseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// For measuring; goes on when the clock is set.
inline int64_t MonotonicMilliseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace b2bmount
