// Attaches /dev/fuse to a directory and detaches it again: by mount(2) as root, by fusermount3 as anybody else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "unique_fd.h"

namespace b2bmount {

struct MountOptions {
  std::string directory;
  std::string source;
  std::string subtype;
  // The kernel compares modes before it asks us: see Server::Access.
  bool allow_other;
  uint32_t uid;
  uint32_t gid;
};

// `code` is what programs decide by (index.d.ts lists them), `message` what people read.
struct MountError {
  std::string code;
  std::string message;
};

class Mounting {
 public:
  // On success device() is the connection. Nothing has been asked of the mount, and nobody must until INIT has been
  // answered: this process would wait for itself.
  static std::optional<MountError> Mount(const MountOptions& options, Mounting* mounting);

  UniqueFd TakeDevice() { return std::move(device_); }

  const std::string& directory() const { return directory_; }
  const std::string& device_number() const { return device_number_; }

  // As root, once INIT has been answered (which would lower it again): the kernel reads ahead 128 KiB by default.
  void RaiseReadAhead(uint32_t kibibytes) const;

  // Lazily; nothing to do if somebody else has done it, or has mounted something else there since.
  std::optional<MountError> Detach() const;

 private:
  std::string directory_;      // absolute, without symbolic links
  std::string device_number_;  // "major:minor" of the mounted file system
  UniqueFd device_;
};

// Whatever is mounted at `directory`, ours or a dead one of an earlier process.
std::optional<MountError> Detach(const std::string& directory);

}  // namespace b2bmount
