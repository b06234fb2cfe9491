#include "content.h"

#include <algorithm>
#include <utility>

namespace b2bmount {

Content::Content(uint64_t id, UniqueFd fd, uint64_t size, ByteRanges present, bool verified)
    : id_(id),
      fd_(std::move(fd)),
      size_(size),
      complete_(present.Covers({0, size})),
      verified_(verified),
      present_(std::move(present)) {}

std::vector<uint64_t> Content::AddPresent(ByteRange range, int64_t now) {
  last_progress_.store(now, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  present_.Add(range);
  if (present_.Covers({0, size_})) complete_.store(true, std::memory_order_release);
  std::vector<uint64_t> ready;
  const auto waiting = std::partition(parked_.begin(), parked_.end(),
                                      [this](const Parked& parked) { return !Covers(parked.ranges); });
  for (auto parked = waiting; parked != parked_.end(); ++parked) ready.push_back(parked->request);
  parked_.erase(waiting, parked_.end());
  return ready;
}

std::vector<uint64_t> Content::SetDropped() {
  const std::lock_guard lock(mutex_);
  dropped_ = true;
  std::vector<uint64_t> requests;
  requests.reserve(parked_.size());
  for (const Parked& parked : parked_) requests.push_back(parked.request);
  parked_.clear();
  return requests;
}

void Content::Unpark(uint64_t request) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(parked_.begin(), parked_.end(),
                                  [request](const Parked& parked) { return parked.request == request; });
  if (found != parked_.end()) parked_.erase(found);
}

std::shared_ptr<Content> ContentTable::Add(UniqueFd fd, uint64_t size, ByteRanges present, bool verified) {
  const uint64_t id = ++last_id_;
  auto content = std::make_shared<Content>(id, std::move(fd), size, std::move(present), verified);
  contents_.emplace(id, content);
  return content;
}

std::shared_ptr<Content> ContentTable::Find(uint64_t id) const {
  const auto found = contents_.find(id);
  return found == contents_.end() ? nullptr : found->second;
}

std::shared_ptr<Content> ContentTable::Remove(uint64_t id) {
  const auto found = contents_.find(id);
  if (found == contents_.end()) return nullptr;
  auto content = std::move(found->second);
  contents_.erase(found);
  return content;
}

}  // namespace b2bmount
