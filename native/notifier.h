// Tells the kernel what to forget, in order, from a thread of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "device.h"
#include "echo.h"
#include "thread.h"

namespace b2bmount {

// A notification may sleep in the kernel until a LOOKUP, READDIR or READ that is under way has been answered. Hence a
// thread that answers nothing and holds no lock. The callers have changed the tables before: what the kernel asks after
// a notification is answered with the new state.
class Notifier {
 public:
  // @param epoch whether the kernel can forget all entries at once. @param expire_only whether it knows kExpireOnly
  Notifier(const Device& device, Echo& echo, bool epoch, bool expire_only)
      : device_(device), echo_(echo), epoch_(epoch), expire_only_(expire_only) {}

  bool Start();
  // What is queued is dropped. Returns when the thread has ended; requests must be answered meanwhile.
  void Stop();

  // Any thread; return at once.
  void ForgetEntry(uint64_t parent, std::string_view name);
  // Revalidate at the next use; does not disturb who uses it now.
  void ExpireEntry(uint64_t parent, std::string_view name);
  void ForgetAttributes(uint64_t node);
  void ForgetContent(uint64_t node);
  void ForgetListing(uint64_t directory);
  void ForgetAllEntries();
  // To whoever watches, once the kernel has forgotten everything that was said before.
  void Announce(Announcement announcement);

 private:
  enum class What : uint8_t { kEntry, kExpire, kAttributes, kContent, kEpoch };
  struct Item {
    What what;
    uint64_t node;
    std::string name;
  };
  struct Batch {
    std::vector<Item> items;
    std::unordered_set<std::string> known;  // of `items`, to queue nothing twice
    // Last, and each once: a listing that a READDIR under way still fills must be dropped after it, and waiting for
    // that READDIR is what the entries of the same directory do.
    std::unordered_set<uint64_t> listings;
    std::vector<Announcement> announcements;
  };

  void Add(What what, uint64_t node, std::string_view name);
  void Run();
  bool Carry(const Batch& batch);  // false: the connection has ended
  int Send(const Item& item);

  const Device& device_;
  Echo& echo_;
  const bool epoch_;
  const bool expire_only_;
  Thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Batch next_;
  bool stopping_ = false;
};

}  // namespace b2bmount
