// Takes mounts away when the process ends without the end of its Node environment: process.exit() of the main thread.
#pragma once

#include "server.h"

namespace b2bmount {

// Any thread. A server must leave before it is destroyed.
void EnterExitGuard(Server* server);
void LeaveExitGuard(Server* server);

// Now: what the end of the process would do.
void DetachGuarded();

}  // namespace b2bmount
