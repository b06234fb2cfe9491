// Locks of the kernel, as JavaScript sees them.
#pragma once

#include <napi.h>

namespace b2bmount {

void ExportFileLock(Napi::Env env, Napi::Object exports);

}  // namespace b2bmount
