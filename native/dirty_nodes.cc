#include "dirty_nodes.h"

#include <algorithm>
#include <utility>

namespace b2bmount {
namespace {

constexpr uint64_t kBlock = 512;

}  // namespace

void DirtyNodes::Set(uint64_t content, uint64_t node, std::shared_ptr<DirtyFile> file) {
  const std::unique_lock lock(mutex_);
  node_by_content_[content] = node;
  file_by_node_[node] = std::move(file);
  any_ = true;
}

DirtyNodes::Removed DirtyNodes::Remove(uint64_t content) {
  const std::unique_lock lock(mutex_);
  const auto found = node_by_content_.find(content);
  if (found == node_by_content_.end()) return {};
  const uint64_t node = found->second;
  node_by_content_.erase(found);
  const auto shown = file_by_node_.find(node);
  Removed removed{node, shown->second};
  const bool others = std::any_of(node_by_content_.begin(), node_by_content_.end(),
                                  [node](const auto& entry) { return entry.second == node; });
  if (!others) file_by_node_.erase(shown);
  any_ = !file_by_node_.empty();
  return removed;
}

std::shared_ptr<DirtyFile> DirtyNodes::Find(uint64_t node) const {
  if (!any()) return nullptr;
  const std::shared_lock lock(mutex_);
  const auto found = file_by_node_.find(node);
  return found != file_by_node_.end() ? found->second : nullptr;
}

void DirtyNodes::Show(NodeAttributes* attributes) const {
  if (!any()) return;
  const std::shared_lock lock(mutex_);
  const auto found = file_by_node_.find(attributes->node);
  if (found != file_by_node_.end()) Show(*found->second, attributes);
}

void DirtyNodes::Show(const DirtyFile& file, NodeAttributes* attributes) {
  constexpr uint32_t kPermissionBits = 07777;
  if (file.permissions() >= 0) {
    attributes->mode = (attributes->mode & ~kPermissionBits) | static_cast<uint32_t>(file.permissions());
  }
  // Until something is written JavaScript knows better: a time that was set is not in the file.
  if (file.revision() == 0) return;
  attributes->size = file.size();
  attributes->modified_milliseconds = file.modified();
  attributes->changed_milliseconds = std::max(attributes->changed_milliseconds, file.changed());
  // All of it is local, or it has a base, of which JavaScript knows the blocks.
  const uint64_t blocks = (attributes->size + kBlock - 1) / kBlock;
  attributes->blocks = file.base_end() == 0 ? blocks : std::min(blocks, std::max<uint64_t>(attributes->blocks, 1));
}

}  // namespace b2bmount
