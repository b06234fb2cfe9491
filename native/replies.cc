// Server, by the JavaScript thread: answers, contents, invalidation.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "clock.h"
#include "server.h"

namespace b2bmount {

using Kind = RequestQueue::Kind;

void Server::ReplyError(uint64_t id, int error) {
  const auto request = requests_.Take(id);
  if (!request) {
    requests_.TakeOverdue(id);  // the kernel has been told so
    return;
  }
  if (request->content != nullptr) request->content->Unpark(id);
  device_.ReplyError(request->unique, error);
}

void Server::ReplyLate(uint64_t id) {
  const auto request = requests_.TakeOverdue(id);
  if (!request) return;
  if (request->kind == Kind::kSetattr) {
    InvalidateAttributes(request->node);
    if (request->attributes.size) InvalidateContent(request->node);
    return;
  }
  InvalidateEntry(request->node, request->name);
  InvalidateAttributes(request->node);
  if (request->kind != Kind::kRename) return;
  InvalidateEntry(request->new_parent, request->new_name);
  InvalidateAttributes(request->new_parent);
}

void Server::Keep(const RequestQueue::Request& request, const NodeAttributes& attributes, std::string_view name) {
  std::vector<NodeTable::Forgotten> evicted;
  if (!name.empty() && name == request.name) {
    nodes_.Put(request.node, name, attributes, Collect(&evicted));
  } else {
    nodes_.PutAttributes(attributes, Collect(&evicted));  // another spelling of a name that we list otherwise
  }
  TellEvicted(evicted);
}

void Server::ReplyEntry(uint64_t id, const NodeAttributes& attributes, std::string_view name) {
  const auto request = requests_.Take(id);
  if (!request) return;
  if (request->kind != Kind::kLookup) {
    AnswerEntry(request->unique, attributes, KeepMade(*request, attributes, name));
    return;
  }
  const Validity validity = ValidityFor(*request);
  if (request->table_version == nodes_.version()) Keep(*request, attributes, name);
  AnswerEntry(request->unique, attributes, validity);
}

Validity Server::KeepMade(const RequestQueue::Request& request, const NodeAttributes& attributes,
                          std::string_view name) {
  const Validity validity = ValidityFor(request);
  if (request.table_version == nodes_.version()) {
    Keep(request, attributes, name);
  } else {
    nodes_.ForgetEntry(request.node, request.name);  // that there is no such name
  }
  nodes_.ForgetAttributes(request.node);  // the kernel does by itself
  return validity;
}

Server::Opened Server::ReplyCreate(uint64_t id, const NodeAttributes& attributes, std::string_view name,
                                   uint64_t handle, std::shared_ptr<Content> content) {
  const auto asked = requests_.Peek(id);
  if (!asked) {
    if (files_->Find(handle)) return Opened::kHandleInUse;
    ReplyLate(id);
    requests_.PostRelease(handle);
    return Opened::kDone;
  }
  fuse::CreateOut out{};
  // Not dirty: a file that was there already.
  const Opened opened = files_->Open(handle, attributes.node, std::move(content), asked->flags, &out.open);
  if (opened != Opened::kDone) return opened;
  const auto request = requests_.Take(id);
  if (!request) {
    ReplyLate(id);
    GiveBack(handle);
    return Opened::kDone;
  }
  out.entry = EntryOf(attributes, KeepMade(*request, attributes, name));
  if (!device_.Reply(request->unique, out)) GiveBack(handle);
  return Opened::kDone;
}

void Server::ReplyNoEntry(uint64_t id) {
  const auto request = requests_.Take(id);
  if (request) AnswerNoEntry(request->unique, ValidityFor(*request));
}

void Server::ReplyAttributes(uint64_t id, const NodeAttributes& attributes) {
  const auto request = requests_.Take(id);
  if (!request) return;
  const Validity validity = ValidityFor(*request);
  if (request->table_version == nodes_.version()) {
    Keep(*request, attributes, {});
  } else if (request->kind == Kind::kSetattr) {
    nodes_.ForgetAttributes(request->node);
  }
  if (request->statx) return AnswerStatx(request->unique, attributes, validity);
  AnswerAttributes(request->unique, attributes, validity);
}

bool Server::ReplyListing(uint64_t id, const std::vector<NodeRecord>& children, uint64_t parent_ino) {
  const auto asked = requests_.Peek(id);
  if (!asked) return true;
  const bool current = asked->table_version == nodes_.version();
  if (current) {
    std::vector<NodeTable::Forgotten> evicted;
    if (!nodes_.PutListing(asked->node, parent_ino, children, false, Collect(&evicted))) return false;
    TellEvicted(evicted);
  }
  const auto request = requests_.Take(id);
  if (!request) return true;
  if (current) {
    AnswerListing(request->unique, request->node, request->plus, request->offset, request->size, reply_);
    return true;
  }
  // Something has changed since JavaScript began: good enough for this one reader, not to be kept.
  uint8_t* payload = reply_.data() + kPageSize;
  DirectoryWriter writer(payload, std::min<size_t>(request->size, kMaxRead), request->plus, request->offset,
                         options_.owner, Validity{});
  NodeAttributes self;
  writer.AddDots(nodes_.Get(request->node, &self) ? self.ino : request->node, parent_ino);
  for (const NodeRecord& child : children) {
    if (child.attributes.ino <= writer.after_ino()) continue;
    NodeAttributes shown = child.attributes;
    dirty_nodes_.Show(&shown);
    if (!writer.Add({shown, child.name, true})) break;
  }
  device_.ReplyInPlace(request->unique, payload, writer.size());
  return true;
}

bool Server::OfferListing(uint64_t node, const std::vector<NodeRecord>& children, uint64_t parent_ino) {
  std::vector<NodeTable::Forgotten> evicted;
  if (!nodes_.PutListing(node, parent_ino, children, true, Collect(&evicted))) return false;
  TellEvicted(evicted);
  return true;
}

Server::Opened Server::ReplyOpen(uint64_t id, uint64_t handle, std::shared_ptr<Content> content) {
  const auto asked = requests_.Peek(id);
  if (!asked) {
    // Interrupted meanwhile: nobody will ever close it.
    if (files_->Find(handle)) return Opened::kHandleInUse;
    requests_.PostRelease(handle);
    return Opened::kDone;
  }
  fuse::OpenOut out{};
  const Opened opened = files_->Open(handle, asked->node, std::move(content), asked->flags, &out);
  if (opened != Opened::kDone) return opened;
  if (!requests_.Take(id) || !device_.Reply(asked->unique, out)) {
    GiveBack(handle);
    return Opened::kDone;
  }
  if ((out.open_flags & fuse::kOpenPassthrough) != 0) passthrough_opens_++;
  return Opened::kDone;
}

void Server::GiveBack(uint64_t handle) {
  if (files_->Release(handle)) requests_.PostRelease(handle);
}

void Server::ContentPresent(const std::shared_ptr<Content>& content, ByteRange range) {
  for (const uint64_t id : content->AddPresent(range, MonotonicMilliseconds())) {
    const auto request = requests_.Take(id);
    if (request) io_.AnswerReadLater(request->unique, content, request->range);
  }
}

void Server::ContentDirty(Content& content, uint64_t node, std::shared_ptr<DirtyFile> file) {
  content.SetDirty(file);
  dirty_nodes_.Set(content.id(), node, std::move(file));
}

void Server::ContentDropped(Content& content) {
  FailParked(content.SetDropped(), EIO);
  const auto [node, file] = dirty_nodes_.Remove(content.id());
  if (file == nullptr || file->revision() == 0) return;
  if (file->noted() == file->revision()) {
    // What JavaScript would say.
    nodes_.ChangeAttributes(node, [&file](NodeAttributes* attributes) { DirtyNodes::Show(*file, attributes); });
  } else {
    nodes_.ForgetAttributes(node);
  }
}

void Server::FailParked(const std::vector<uint64_t>& ids, int error) {
  for (const uint64_t id : ids) {
    if (const auto request = requests_.Cancel(id)) device_.ReplyError(request->unique, error);
  }
}

void Server::InvalidateEntry(uint64_t parent, std::string_view name) {
  nodes_.ForgetEntry(parent, name);
  notifier_->ForgetEntry(parent, name);
  // The kernel drops the listing by itself only if it knows the entry.
  notifier_->ForgetListing(parent);
}

void Server::InvalidateAttributes(uint64_t node) {
  nodes_.ForgetAttributes(node);
  notifier_->ForgetAttributes(node);
}

void Server::InvalidateContent(uint64_t node) {
  // The notification would wait for the pages that these are to fill.
  FailAll(requests_.CancelReadsOfNode(node), ESTALE);
  notifier_->ForgetContent(node);
}

void Server::InvalidateAll() {
  std::vector<NodeTable::Forgotten> nodes;
  std::vector<uint64_t> directories;
  nodes_.ForgetAll(Collect(&nodes), &directories);
  if (protocol_.epoch) notifier_->ForgetAllEntries();
  for (const auto& [parent, node, name] : nodes) {
    if (parent != 0) notifier_->ForgetEntry(parent, name);
    notifier_->ForgetAttributes(node);
  }
  // These are reached without an entry: the root, working directories, open files.
  notifier_->ForgetAttributes(fuse::kRootNode);
  for (const uint64_t node : files_->Nodes()) notifier_->ForgetAttributes(node);
  for (const uint64_t directory : directories) {
    notifier_->ForgetAttributes(directory);
    notifier_->ForgetListing(directory);
  }
}

void Server::TellEvicted(const std::vector<NodeTable::Forgotten>& evicted) {
  for (const auto& [parent, node, name] : evicted) {
    if (parent == 0) {
      notifier_->ForgetAttributes(node);
    } else {
      notifier_->ExpireEntry(parent, name);
      notifier_->ForgetListing(parent);
    }
  }
}

void Server::ReplyDone(uint64_t id) {
  const auto request = requests_.Take(id);
  if (!request) return;
  switch (request->kind) {
    case Kind::kUnlink:
    case Kind::kRmdir:
      nodes_.RemoveEntry(request->node, request->name, IsOpen(request->node, request->name));
      nodes_.ForgetAttributes(request->node);
      break;
    case Kind::kRename: {
      const bool keep = IsOpen(request->new_parent, request->new_name);
      if (!nodes_.MoveEntry(request->node, request->name, request->new_parent, request->new_name, keep)) {
        InvalidateEntry(request->node, request->name);
        InvalidateEntry(request->new_parent, request->new_name);
      }
      nodes_.ForgetAttributes(request->node);
      nodes_.ForgetAttributes(request->new_parent);
      break;
    }
    case Kind::kBeginWrite:
      io_.AnswerChangeLater(request->unique, request->content, request->change, request->bytes);
      return;
    default:
      break;
  }
  device_.ReplyEmpty(request->unique);
}

bool Server::IsOpen(uint64_t parent, std::string_view name) const {
  NodeAttributes attributes;
  return nodes_.Lookup(parent, name, &attributes) == NodeTable::Answer::kFound && files_->IsOpen(attributes.node);
}

void Server::ReplyBytes(uint64_t id, const uint8_t* bytes, size_t size) {
  const auto request = requests_.Take(id);
  if (!request) return;
  if (request->size == 0) {
    device_.Reply(request->unique, fuse::GetxattrOut{static_cast<uint32_t>(size), 0});
  } else if (size > request->size) {
    device_.ReplyError(request->unique, ERANGE);
  } else {
    device_.Reply(request->unique, bytes, size);
  }
}

}  // namespace b2bmount
