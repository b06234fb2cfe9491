// The tree as far as it is known natively: attributes by node, entries by name, complete listings by directory.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "node_record.h"
#include "shared_mutex.h"

namespace b2bmount {

// Everything here is a copy of what JavaScript said and may be forgotten at any time: what is not held is asked again.
// JavaScript's thread writes; the reader threads read. No method blocks on anything but the lock inside.
//
// INVARIANT: a node is in `nodes_` once, with one (directory, name); it is in both lists of that directory.
// INVARIANT: a directory is `complete` only if its lists are the last PutListing() and what was made, removed and moved
// through the mount since.
class NodeTable {
 public:
  enum class Answer { kFound, kAbsent, kUnknown };

  // (parent, name) of something that has been forgotten natively, for a kernel that must be told one by one.
  struct Forgotten {
    uint64_t parent;  // 0: the node was known without its name
    uint64_t node;
    std::string name;
  };

  // @param max_entries beyond, the least recently used directories are forgotten
  explicit NodeTable(size_t max_entries) : max_entries_(max_entries) {}

  // --- by reader threads

  // kAbsent is only said of directories whose complete listing is held.
  Answer Lookup(uint64_t parent, std::string_view name, NodeAttributes* attributes) const;
  bool Get(uint64_t node, NodeAttributes* attributes) const;

  struct ListedNode {
    const NodeAttributes& attributes;
    std::string_view name;
    bool attributes_known;
  };
  // Calls `visit` for the children whose st_ino is above `after_ino`, ascending, until it returns false.
  // Before the first, calls `begin` with st_ino of the directory and of its parent.
  // @returns kNotHeld, and calls nothing, if the listing is not held
  enum class Visit { kNotHeld, kVisited, kFirstVisit };
  template <typename Begin, typename EachChild>
  Visit VisitListing(uint64_t directory, uint64_t after_ino, Begin&& begin, EachChild&& visit) const;
  bool HoldsListing(uint64_t directory) const;

  // --- by the JavaScript thread. What had to be forgotten to make room is appended to `evicted`, if given.

  void Put(uint64_t parent, std::string_view name, const NodeAttributes& attributes, std::vector<Forgotten>* evicted);
  // Attributes of a node whose place is unknown or unchanged.
  void PutAttributes(const NodeAttributes& attributes, std::vector<Forgotten>* evicted);
  // @param children ascending by st_ino. @param ahead nobody has asked for it yet: the first visit will be told apart
  // @returns false, and keeps nothing, if two have the same name or nodeid
  bool PutListing(uint64_t directory, uint64_t parent_ino, const std::vector<NodeRecord>& children, bool ahead,
                  std::vector<Forgotten>* evicted);
  // What the kernel has done with our consent: a listing that is held stays, and is right.
  // @param keep its attributes, with one link less, for who has it open
  void RemoveEntry(uint64_t parent, std::string_view name, bool keep);
  // What it replaces goes. False: the entry was not known, so nothing of the new place is.
  bool MoveEntry(uint64_t parent, std::string_view name, uint64_t new_parent, std::string_view new_name,
                 bool keep_replaced);
  // Calls `change` with attributes that are known.
  void ChangeAttributes(uint64_t node, const std::function<void(NodeAttributes*)>& change);
  void ForgetEntry(uint64_t parent, std::string_view name);
  void ForgetAttributes(uint64_t node);
  // @param nodes gets what was known, `directories` those of which children were known. Either may be null.
  void ForgetAll(std::vector<Forgotten>* nodes, std::vector<uint64_t>* directories);

  // Grows with everything that is forgotten, removed or moved. An answer that was computed before a change of it may be old: it must not be kept.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  size_t size() const;

 private:
  struct Directory;
  struct Node {
    NodeAttributes attributes;
    Directory* directory;
    std::string name;
    bool attributes_known;
  };
  struct Directory {
    uint64_t node = 0;
    uint64_t parent_ino = 0;
    bool complete = false;
    mutable std::atomic<bool> unvisited{false};  // put ahead of who will ask for it
    mutable std::atomic<uint64_t> last_used{0};
    std::vector<Node*> by_ino;
    std::vector<Node*> by_name;
  };

  const Node* FindByName(const Directory& directory, std::string_view name) const;
  const Directory* FindDirectory(uint64_t node) const;
  Directory* DirectoryFor(uint64_t node);
  void Insert(Directory* directory, std::string_view name, const NodeAttributes& attributes);
  void Remove(Node* node);
  // The directory it was in is otherwise what it was.
  void TakeOut(Node* node);
  void TakeOutAndKeep(Node* node, bool keep);
  void Clear(Directory* directory);
  void Touch(const Directory& directory) const;
  void MakeRoom(const Directory* keep, std::vector<Forgotten>* evicted);

  const size_t max_entries_;
  std::atomic<uint64_t> version_{0};
  mutable SharedMutex mutex_;
  // Counts changes, not uses: readers need not write to a shared cache line to say what they used.
  std::atomic<uint64_t> age_{1};
  std::unordered_map<uint64_t, Node> nodes_;
  // Entry 0 holds the nodes that are known without their place.
  std::unordered_map<uint64_t, std::unique_ptr<Directory>> directories_;
};

template <typename Begin, typename EachChild>
NodeTable::Visit NodeTable::VisitListing(uint64_t node, uint64_t after_ino, Begin&& begin, EachChild&& visit) const {
  const std::shared_lock lock(mutex_);
  const Directory* directory = FindDirectory(node);
  if (directory == nullptr || !directory->complete) return Visit::kNotHeld;
  Touch(*directory);
  const auto self = nodes_.find(node);
  begin(self != nodes_.end() ? self->second.attributes.ino : node, directory->parent_ino);
  auto next = std::upper_bound(directory->by_ino.begin(), directory->by_ino.end(), after_ino,
                               [](uint64_t ino, const Node* child) { return ino < child->attributes.ino; });
  for (; next != directory->by_ino.end(); ++next) {
    if (!visit(ListedNode{(*next)->attributes, (*next)->name, (*next)->attributes_known})) break;
  }
  const bool first = directory->unvisited.load(std::memory_order_relaxed) && directory->unvisited.exchange(false);
  return first ? Visit::kFirstVisit : Visit::kVisited;
}

}  // namespace b2bmount
