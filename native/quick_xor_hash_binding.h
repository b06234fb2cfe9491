// quickXorHash() and quickXorHashFile() of index.d.ts.
#pragma once

#include <napi.h>

namespace b2bmount {

void ExportQuickXorHash(Napi::Env env, Napi::Object exports);

}  // namespace b2bmount
