// Which nodes were changed here, and what stat(2) is to show of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "dirty_file.h"
#include "node_record.h"
#include "shared_mutex.h"

namespace b2bmount {

// As long as one of its contents is registered, size and times of a node are those of its DirtyFile, whatever JavaScript
// said of it before.
class DirtyNodes {
 public:
  // By the JavaScript thread.
  void Set(uint64_t content, uint64_t node, std::shared_ptr<DirtyFile> file);
  struct Removed {
    uint64_t node;
    std::shared_ptr<DirtyFile> file;
  };
  // @returns what was shown of the content's node, if anything
  Removed Remove(uint64_t content);

  // Any thread.
  void Show(NodeAttributes* attributes) const;
  // Null: the node was not changed here.
  std::shared_ptr<DirtyFile> Find(uint64_t node) const;
  bool any() const { return any_.load(std::memory_order_acquire); }

  static void Show(const DirtyFile& file, NodeAttributes* attributes);

 private:
  std::atomic<bool> any_{false};
  mutable SharedMutex mutex_;  // after NodeTable's
  std::unordered_map<uint64_t, uint64_t> node_by_content_;
  std::unordered_map<uint64_t, std::shared_ptr<DirtyFile>> file_by_node_;
};

}  // namespace b2bmount
