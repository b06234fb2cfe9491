#include "node_table.h"

#include <algorithm>
#include <numeric>

namespace b2bmount {
namespace {

// Evicting some more than needed makes the cost of choosing the oldest rare.
constexpr double kShareKept = 0.9;

constexpr uint64_t kNoPlace = 0;

}  // namespace

const NodeTable::Directory* NodeTable::FindDirectory(uint64_t node) const {
  const auto found = directories_.find(node);
  return found == directories_.end() ? nullptr : found->second.get();
}

const NodeTable::Node* NodeTable::FindByName(const Directory& directory, std::string_view name) const {
  const auto found = std::lower_bound(directory.by_name.begin(), directory.by_name.end(), name,
                                      [](const Node* child, std::string_view wanted) { return child->name < wanted; });
  return found != directory.by_name.end() && (*found)->name == name ? *found : nullptr;
}

void NodeTable::Touch(const Directory& directory) const {
  directory.last_used.store(age_.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

NodeTable::Answer NodeTable::Lookup(uint64_t parent, std::string_view name, NodeAttributes* attributes) const {
  const std::shared_lock lock(mutex_);
  const Directory* directory = FindDirectory(parent);
  if (directory == nullptr) return Answer::kUnknown;
  Touch(*directory);
  const Node* child = FindByName(*directory, name);
  if (child == nullptr) return directory->complete ? Answer::kAbsent : Answer::kUnknown;
  if (!child->attributes_known) return Answer::kUnknown;
  *attributes = child->attributes;
  return Answer::kFound;
}

bool NodeTable::Get(uint64_t node, NodeAttributes* attributes) const {
  const std::shared_lock lock(mutex_);
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || !found->second.attributes_known) return false;
  Touch(*found->second.directory);
  *attributes = found->second.attributes;
  return true;
}

NodeTable::Directory* NodeTable::DirectoryFor(uint64_t node) {
  auto& slot = directories_[node];
  if (slot == nullptr) {
    slot = std::make_unique<Directory>();
    slot->node = node;
  }
  slot->last_used = age_.fetch_add(1);
  return slot.get();
}

void NodeTable::Insert(Directory* directory, std::string_view name, const NodeAttributes& attributes) {
  Node& node = nodes_[attributes.node];
  node.attributes = attributes;
  node.directory = directory;
  node.name = name;
  node.attributes_known = true;
  auto& by_ino = directory->by_ino;
  by_ino.insert(std::upper_bound(by_ino.begin(), by_ino.end(), attributes.ino,
                                 [](uint64_t ino, const Node* child) { return ino < child->attributes.ino; }),
                &node);
  if (directory->node == kNoPlace) return;
  auto& by_name = directory->by_name;
  by_name.insert(std::upper_bound(by_name.begin(), by_name.end(), name,
                                  [](std::string_view wanted, const Node* child) { return wanted < child->name; }),
                 &node);
}

void NodeTable::Remove(Node* node) {
  Directory* directory = node->directory;
  directory->complete = false;
  auto& by_ino = directory->by_ino;
  auto place = std::lower_bound(by_ino.begin(), by_ino.end(), node->attributes.ino,
                                [](const Node* child, uint64_t ino) { return child->attributes.ino < ino; });
  // Two versions of an item share st_ino for a moment.
  place = std::find(place, by_ino.end(), node);
  if (place != by_ino.end()) by_ino.erase(place);
  auto& by_name = directory->by_name;
  const auto named = std::lower_bound(by_name.begin(), by_name.end(), node,
                                      [](const Node* child, const Node* wanted) { return child->name < wanted->name; });
  if (named != by_name.end() && *named == node) by_name.erase(named);
  nodes_.erase(node->attributes.node);
}

void NodeTable::Clear(Directory* directory) {
  directory->complete = false;
  for (const Node* child : directory->by_ino) nodes_.erase(child->attributes.node);
  directory->by_ino.clear();
  directory->by_name.clear();
}

void NodeTable::Put(uint64_t parent, std::string_view name, const NodeAttributes& attributes,
                    std::vector<Forgotten>* evicted) {
  const std::unique_lock lock(mutex_);
  Directory* directory = DirectoryFor(parent);
  const auto same_node = nodes_.find(attributes.node);
  if (same_node != nodes_.end()) {
    Node& node = same_node->second;
    if (node.directory == directory && node.name == name && node.attributes.ino == attributes.ino) {
      node.attributes = attributes;
      node.attributes_known = true;
      return;
    }
    Remove(&node);
  }
  if (const Node* same_name = FindByName(*directory, name)) Remove(const_cast<Node*>(same_name));
  Insert(directory, name, attributes);
  MakeRoom(directory, evicted);
}

void NodeTable::PutAttributes(const NodeAttributes& attributes, std::vector<Forgotten>* evicted) {
  const std::unique_lock lock(mutex_);
  const auto known = nodes_.find(attributes.node);
  if (known != nodes_.end()) {
    Node& node = known->second;
    if (node.attributes.ino == attributes.ino) {
      node.attributes = attributes;
      node.attributes_known = true;
      return;
    }
    Remove(&node);
  }
  Directory* directory = DirectoryFor(kNoPlace);
  Insert(directory, {}, attributes);
  MakeRoom(directory, evicted);
}

bool NodeTable::HoldsListing(uint64_t node) const {
  const std::shared_lock lock(mutex_);
  const Directory* directory = FindDirectory(node);
  return directory != nullptr && directory->complete;
}

bool NodeTable::PutListing(uint64_t node, uint64_t parent_ino, const std::vector<NodeRecord>& children, bool ahead,
                           std::vector<Forgotten>* evicted) {
  // The slow part first, before readers are kept out.
  std::vector<uint32_t> name_order(children.size());
  std::iota(name_order.begin(), name_order.end(), 0);
  std::sort(name_order.begin(), name_order.end(),
            [&](uint32_t a, uint32_t b) { return children[a].name < children[b].name; });
  const auto twin = std::adjacent_find(name_order.begin(), name_order.end(),
                                       [&](uint32_t a, uint32_t b) { return children[a].name == children[b].name; });
  if (twin != name_order.end()) return false;

  const std::unique_lock lock(mutex_);
  Directory* directory = DirectoryFor(node);
  Clear(directory);
  directory->parent_ino = parent_ino;
  directory->by_ino.reserve(children.size());
  directory->by_name.reserve(children.size());
  nodes_.reserve(nodes_.size() + children.size());
  for (const NodeRecord& child : children) {
    const auto known = nodes_.find(child.attributes.node);
    if (known != nodes_.end()) {
      if (known->second.directory == directory) {  // from this very listing
        Clear(directory);
        return false;
      }
      Remove(&known->second);
    }
    Node& added = nodes_[child.attributes.node];
    added = {child.attributes, directory, std::string(child.name), true};
    directory->by_ino.push_back(&added);
  }
  for (const uint32_t index : name_order) directory->by_name.push_back(directory->by_ino[index]);
  directory->complete = true;
  directory->unvisited = ahead;
  MakeRoom(directory, evicted);
  return true;
}

void NodeTable::TakeOut(Node* node) {
  Directory* directory = node->directory;
  const bool complete = directory->complete;
  Remove(node);
  directory->complete = complete;
}

void NodeTable::TakeOutAndKeep(Node* node, bool keep) {
  NodeAttributes attributes = node->attributes;
  keep = keep && node->attributes_known;
  TakeOut(node);
  const auto listing = directories_.find(attributes.node);
  if (listing != directories_.end()) {
    Clear(listing->second.get());
    directories_.erase(listing);
  }
  if (!keep) return;
  if (attributes.links > 0) attributes.links--;
  Insert(DirectoryFor(kNoPlace), {}, attributes);
}

void NodeTable::RemoveEntry(uint64_t parent, std::string_view name, bool keep) {
  const std::unique_lock lock(mutex_);
  version_.fetch_add(1, std::memory_order_release);
  const Directory* directory = FindDirectory(parent);
  const Node* child = directory != nullptr ? FindByName(*directory, name) : nullptr;
  if (child != nullptr) TakeOutAndKeep(const_cast<Node*>(child), keep);
}

bool NodeTable::MoveEntry(uint64_t parent, std::string_view name, uint64_t new_parent, std::string_view new_name,
                          bool keep_replaced) {
  const std::unique_lock lock(mutex_);
  version_.fetch_add(1, std::memory_order_release);
  const Directory* from = FindDirectory(parent);
  const Node* moved = from != nullptr ? FindByName(*from, name) : nullptr;
  if (moved == nullptr) return false;
  Directory* to = DirectoryFor(new_parent);
  const Node* replaced = FindByName(*to, new_name);
  if (replaced != nullptr && replaced != moved) TakeOutAndKeep(const_cast<Node*>(replaced), keep_replaced);
  const NodeAttributes attributes = moved->attributes;
  TakeOut(const_cast<Node*>(moved));
  Insert(to, new_name, attributes);
  // Whether moving changes a time is for JavaScript to say.
  nodes_.at(attributes.node).attributes_known = false;
  const auto listing = directories_.find(attributes.node);
  if (parent != new_parent && listing != directories_.end()) listing->second->complete = false;  // another '..'
  return true;
}

void NodeTable::ChangeAttributes(uint64_t node, const std::function<void(NodeAttributes*)>& change) {
  const std::unique_lock lock(mutex_);
  const auto found = nodes_.find(node);
  if (found != nodes_.end() && found->second.attributes_known) change(&found->second.attributes);
}

void NodeTable::ForgetEntry(uint64_t parent, std::string_view name) {
  const std::unique_lock lock(mutex_);
  version_.fetch_add(1, std::memory_order_release);
  const auto found = directories_.find(parent);
  if (found == directories_.end()) return;
  found->second->complete = false;
  if (const Node* child = FindByName(*found->second, name)) Remove(const_cast<Node*>(child));
}

void NodeTable::ForgetAttributes(uint64_t node) {
  const std::unique_lock lock(mutex_);
  version_.fetch_add(1, std::memory_order_release);
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return;
  if (found->second.directory->node == kNoPlace) {
    Remove(&found->second);
  } else {
    found->second.attributes_known = false;
  }
}

void NodeTable::ForgetAll(std::vector<Forgotten>* nodes, std::vector<uint64_t>* directories) {
  const std::unique_lock lock(mutex_);
  version_.fetch_add(1, std::memory_order_release);
  if (nodes != nullptr) {
    for (const auto& [id, node] : nodes_) nodes->push_back({node.directory->node, id, node.name});
  }
  if (directories != nullptr) {
    for (const auto& [id, directory] : directories_) {
      if (id != kNoPlace) directories->push_back(id);
    }
  }
  nodes_.clear();
  directories_.clear();
}

size_t NodeTable::size() const {
  const std::shared_lock lock(mutex_);
  return nodes_.size();
}

void NodeTable::MakeRoom(const Directory* keep, std::vector<Forgotten>* evicted) {
  if (nodes_.size() <= max_entries_) return;
  std::vector<Directory*> oldest;
  oldest.reserve(directories_.size());
  for (const auto& [id, directory] : directories_) {
    if (directory.get() != keep) oldest.push_back(directory.get());
  }
  std::sort(oldest.begin(), oldest.end(),
            [](const Directory* a, const Directory* b) { return a->last_used.load() < b->last_used.load(); });
  const auto wanted = static_cast<size_t>(static_cast<double>(max_entries_) * kShareKept);
  for (Directory* directory : oldest) {
    if (nodes_.size() <= wanted) break;
    if (evicted != nullptr) {
      for (const Node* child : directory->by_ino) {
        evicted->push_back({directory->node, child->attributes.node, child->name});
      }
    }
    Clear(directory);
    directories_.erase(directory->node);
  }
}

}  // namespace b2bmount
