#include "exit_guard.h"

#include <cstdlib>
#include <mutex>
#include <set>

namespace b2bmount {
namespace {

struct Guarded {
  std::mutex mutex;
  std::set<Server*> servers;
};

// Never destroyed: exit handlers run while our threads do.
Guarded& TheGuarded() {
  static auto* guarded = new Guarded;
  return *guarded;
}

}  // namespace

void DetachGuarded() {
  Guarded& guarded = TheGuarded();
  const std::lock_guard lock(guarded.mutex);
  for (const Server* server : guarded.servers) server->DetachOnly();
}

void EnterExitGuard(Server* server) {
  static const bool registered = std::atexit(DetachGuarded) == 0;
  static_cast<void>(registered);
  Guarded& guarded = TheGuarded();
  const std::lock_guard lock(guarded.mutex);
  guarded.servers.insert(server);
}

void LeaveExitGuard(Server* server) {
  Guarded& guarded = TheGuarded();
  const std::lock_guard lock(guarded.mutex);
  guarded.servers.erase(server);
}

}  // namespace b2bmount
