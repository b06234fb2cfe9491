#include "open_files.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

namespace b2bmount {

int OpenFiles::TryBacking(const Content& content, uint32_t flags) {
  // O_DIRECT would be passed on to the backing file, whose file system may not have it.
  const bool suitable = (flags & O_ACCMODE) == O_RDONLY && (flags & O_DIRECT) == 0;
  if (!passthrough_ || !suitable || !content.verified() || !content.complete()) return 0;
  const int id = device_.OpenBacking(content.fd());
  if (id > 0) return id;
  // Not permitted in this user namespace, or the cache is on a file system (overlay) that cannot back another:
  // it will not be any different next time. Anything else (no memory) may be.
  if (id == -EPERM || id == -ELOOP || id == -EOPNOTSUPP) passthrough_ = false;
  return 0;
}

OpenFiles::Opening OpenFiles::Open(uint64_t handle, uint64_t node, std::shared_ptr<Content> content, uint32_t flags,
                                   fuse::OpenOut* out) {
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  const std::unique_lock lock(mutex_);
  if (files_.count(handle) != 0) return Opening::kHandleInUse;
  OpenNode& open = nodes_[node];
  if (open.opens == 0 && content->dirty() == nullptr) open.backing_id = TryBacking(*content, flags);
  if (open.backing_id > 0 && writes && content->dirty() == nullptr) return Opening::kNotDirty;
  open.opens++;
  if (writes) open.writers++;
  *out = {};
  out->handle = handle;
  const bool only_writes = (flags & O_ACCMODE) == O_WRONLY;
  // A FLUSH can mean that a reader was killed; of no use where no read can be waiting.
  if (only_writes || (!writes && content->verified() && content->complete())) out->open_flags |= fuse::kNoFlush;
  // Nobody reads or maps by way of it, so the pages would be filled for nothing.
  if (only_writes && direct_writes_) out->open_flags |= fuse::kDirectIo;
  if (open.backing_id > 0) {
    out->open_flags |= fuse::kOpenPassthrough;  // excludes kKeepCache
    if (writes) out->open_flags |= fuse::kDirectIo;
    out->backing_id = open.backing_id;
  } else {
    out->open_flags |= fuse::kKeepCache;
  }
  files_.emplace(handle, File{node, writes, std::move(content)});
  return Opening::kDone;
}

std::optional<OpenFiles::File> OpenFiles::Find(uint64_t handle) const {
  const std::shared_lock lock(mutex_);
  const auto found = files_.find(handle);
  if (found == files_.end()) return std::nullopt;
  return found->second;
}

bool OpenFiles::Release(uint64_t handle) {
  const std::unique_lock lock(mutex_);
  const auto found = files_.find(handle);
  if (found == files_.end()) return false;
  const auto open = nodes_.find(found->second.node);
  if (found->second.writes) open->second.writers--;
  files_.erase(found);
  if (--open->second.opens == 0) {
    if (open->second.backing_id > 0) device_.CloseBacking(open->second.backing_id);
    nodes_.erase(open);
  }
  return true;
}

bool OpenFiles::IsOpen(uint64_t node) const {
  const std::shared_lock lock(mutex_);
  return nodes_.count(node) != 0;
}

bool OpenFiles::IsOpenForWriting(uint64_t node) const {
  const std::shared_lock lock(mutex_);
  const auto found = nodes_.find(node);
  return found != nodes_.end() && found->second.writers > 0;
}

bool OpenFiles::IsPassedThrough(uint64_t node) const {
  const std::shared_lock lock(mutex_);
  const auto found = nodes_.find(node);
  return found != nodes_.end() && found->second.backing_id > 0;
}

std::vector<uint64_t> OpenFiles::Nodes() const {
  const std::shared_lock lock(mutex_);
  std::vector<uint64_t> nodes;
  nodes.reserve(nodes_.size());
  for (const auto& [node, open] : nodes_) nodes.push_back(node);
  return nodes;
}

}  // namespace b2bmount
