// `DirtyFile` of index.d.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "dirty_file.h"

namespace b2bmount {

void ExportDirtyFile(Napi::Env env, Napi::Object exports);

// The one behind a `DirtyFile`; null for anything else, and for one that was closed.
std::shared_ptr<DirtyFile> ToDirtyFile(Napi::Value value);

}  // namespace b2bmount
