// What JavaScript is told, as objects: `Request` of index.d.ts.
#pragma once

#include <napi.h>

#include "request_queue.h"

namespace b2bmount {

Napi::Object ToObject(Napi::Env env, const RequestQueue::Event& event);

}  // namespace b2bmount
