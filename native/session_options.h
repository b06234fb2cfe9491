// SessionOptions of index.d.ts.
#pragma once

#include <napi.h>

#include "mounting.h"
#include "server.h"

namespace b2bmount {

struct SessionOptions {
  MountOptions mount;
  ServerOptions server;
};

// False: something is wrong, a TypeError is pending.
bool ReadOptions(Napi::Env env, Napi::Object object, SessionOptions* options);

}  // namespace b2bmount
