// Open handles, and in which mode the kernel has each node open.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "content.h"
#include "device.h"
#include "shared_mutex.h"

namespace b2bmount {

// The kernel refuses (EIO) an open whose mode differs from that of the node's other opens, so the first open decides
// and the decision holds until the last RELEASE has come:
//
//              first open, to read, verified, complete    last release (the backing id is closed)
//   closed  -------------------------------------> passthrough -----------------------------> closed
//      |       first open, anything else                        last release
//      +-----------------------------------------> cached ----------------------------------> closed
//
// A file that is hydrated while it is open stays cached. Our view lags behind the kernel's (RELEASE comes after the
// kernel has let go), which errs on the safe side.
//
// Who opens a node to write that the kernel reads by itself: first its cache file becomes the dirty file, so that who reads
// sees what is written. Then reads and writes of that handle come to us all the same (FOPEN_DIRECT_IO goes before
// FOPEN_PASSTHROUGH), and its mappings are of the file itself.
class OpenFiles {
 public:
  struct File {
    uint64_t node;
    bool writes;
    std::shared_ptr<Content> content;
  };

  // Both negotiated.
  OpenFiles(const Device& device, bool passthrough, bool direct_writes)
      : device_(device), passthrough_(passthrough), direct_writes_(direct_writes) {}

  enum class Opening { kDone, kHandleInUse, kNotDirty };
  // By the JavaScript thread. @param flags open(2)'s
  // @returns kDone and what to answer; kNotDirty: it is to be written, and the kernel reads the cache file by itself
  Opening Open(uint64_t handle, uint64_t node, std::shared_ptr<Content> content, uint32_t flags, fuse::OpenOut* out);

  // By reader threads.
  std::optional<File> Find(uint64_t handle) const;
  // False: no such handle.
  bool Release(uint64_t handle);

  bool IsOpen(uint64_t node) const;
  bool IsOpenForWriting(uint64_t node) const;
  bool IsPassedThrough(uint64_t node) const;
  std::vector<uint64_t> Nodes() const;

 private:
  struct OpenNode {
    uint32_t opens = 0;
    uint32_t writers = 0;
    int backing_id = 0;  // above 0: passthrough
  };

  int TryBacking(const Content& content, uint32_t flags);

  const Device& device_;
  bool passthrough_;
  const bool direct_writes_;
  mutable SharedMutex mutex_;
  std::unordered_map<uint64_t, File> files_;
  std::unordered_map<uint64_t, OpenNode> nodes_;
};

}  // namespace b2bmount
