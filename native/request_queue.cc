#include "request_queue.h"

#include <algorithm>
#include <utility>

namespace b2bmount {
namespace {

// As many interrupts as may overtake their requests: there are at most 8 readers. The rest is generosity.
constexpr size_t kMaxInterruptedEarly = 64;

}  // namespace

bool RequestQueue::Push(Event::Type type, uint64_t id) {
  outgoing_.push_back({type, id});
  return outgoing_.size() == 1;
}

RequestQueue::Admission RequestQueue::Add(Request request, uint64_t* id) {
  bool ring;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return Admission::kClosed;
    const auto early = std::find(interrupted_early_.begin(), interrupted_early_.end(), request.unique);
    if (early != interrupted_early_.end()) {
      interrupted_early_.erase(early);
      return Admission::kInterrupted;
    }
    *id = ++last_id_;
    id_by_unique_.emplace(request.unique, *id);
    waiting_.emplace(*id, std::move(request));
    ring = Push(Event::Type::kRequest, *id);
  }
  if (ring) ring_();
  return Admission::kWaiting;
}

std::optional<RequestQueue::Request> RequestQueue::Take(uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return std::nullopt;
  Request request = std::move(found->second);
  waiting_.erase(found);
  id_by_unique_.erase(request.unique);
  return request;
}

std::optional<RequestQueue::Request> RequestQueue::Peek(uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return std::nullopt;
  return found->second;
}

std::optional<RequestQueue::Request> RequestQueue::Cancel(uint64_t id) {
  Request request{};
  bool ring = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return std::nullopt;
    request = std::move(found->second);
    waiting_.erase(found);
    id_by_unique_.erase(request.unique);
    if (request.delivered) {
      ring = Push(Event::Type::kCancelled, id);
      if (request.changes_the_tree()) overdue_.emplace(id, request);
    }
  }
  if (request.content != nullptr) request.content->Unpark(id);
  if (ring) ring_();
  return request;
}

std::optional<RequestQueue::Request> RequestQueue::TakeOverdue(uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = overdue_.find(id);
  if (found == overdue_.end()) return std::nullopt;
  Request request = std::move(found->second);
  overdue_.erase(found);
  return request;
}

std::optional<RequestQueue::Request> RequestQueue::Interrupt(uint64_t unique) {
  uint64_t id;
  bool is_told = false;
  bool ring = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = id_by_unique_.find(unique);
    if (found == id_by_unique_.end()) {
      interrupted_early_.push_back(unique);
      if (interrupted_early_.size() > kMaxInterruptedEarly) interrupted_early_.pop_front();
      return std::nullopt;
    }
    id = found->second;
    const auto& request = waiting_.at(id);
    if (request.delivered && request.changes_the_tree()) {
      ring = Push(Event::Type::kCancelled, id);
      is_told = true;
    }
  }
  if (ring) ring_();
  if (is_told) return std::nullopt;
  return Cancel(id);
}

std::vector<RequestQueue::Request> RequestQueue::TakeIf(const std::function<bool(const Request&)>& wanted) {
  std::vector<uint64_t> ids;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, request] : waiting_) {
      if (wanted(request)) ids.push_back(id);
    }
  }
  std::vector<Request> taken;
  for (const uint64_t id : ids) {
    if (auto request = Cancel(id)) taken.push_back(std::move(*request));
  }
  return taken;
}

std::vector<RequestQueue::WaitingRead> RequestQueue::ReadsOfHandle(uint64_t handle) const {
  std::vector<WaitingRead> reads;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, request] : waiting_) {
    if (request.kind == Kind::kRead && request.handle == handle) reads.push_back({id, request.pid});
  }
  return reads;
}

std::vector<RequestQueue::Request> RequestQueue::CancelReadsOfNode(uint64_t node) {
  return TakeIf([node](const Request& request) { return request.kind == Kind::kRead && request.node == node; });
}

std::vector<RequestQueue::Request> RequestQueue::TakeExpired(int64_t before, int64_t in_any_case) {
  return TakeIf([before, in_any_case](const Request& request) {
    const int64_t progress = request.kind == Kind::kRead ? request.content->last_progress() : 0;
    return std::max(request.since, progress) < before || request.since < in_any_case;
  });
}

std::vector<RequestQueue::Request> RequestQueue::Close() {
  std::unordered_map<uint64_t, Request> waiting;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waiting.swap(waiting_);
    id_by_unique_.clear();
  }
  std::vector<Request> taken;
  taken.reserve(waiting.size());
  for (auto& [id, request] : waiting) taken.push_back(std::move(request));
  return taken;
}

void RequestQueue::Post(Event::Type type, uint64_t id) {
  bool ring;
  {
    const std::lock_guard lock(mutex_);
    ring = Push(type, id);
  }
  if (ring) ring_();
}

std::vector<RequestQueue::Event> RequestQueue::Drain(size_t limit, uint64_t table_version, bool* more) {
  std::vector<Event> events;
  const std::lock_guard lock(mutex_);
  while (!outgoing_.empty() && events.size() < limit) {
    const Outgoing next = outgoing_.front();
    outgoing_.pop_front();
    Event event{next.type, next.id, std::nullopt};
    if (next.type == Event::Type::kRequest) {
      const auto found = waiting_.find(next.id);
      if (found == waiting_.end()) continue;  // cancelled meanwhile, or its bytes have come
      found->second.delivered = true;
      found->second.table_version = table_version;
      event.request = found->second;
    }
    events.push_back(std::move(event));
  }
  *more = !outgoing_.empty();
  return events;
}

}  // namespace b2bmount
