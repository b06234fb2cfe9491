// Which directories of a file system somebody watches with inotify.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>

namespace b2bmount {

// Reads /proc: what of it the process may see, which is its user's programs. Touches no watched file system.
// @param device "major:minor". @returns inode numbers
std::unordered_set<uint64_t> WatchedInodes(const std::string& device);

}  // namespace b2bmount
