// The end of this process, whatever its threads are doing.
#pragma once

#include <napi.h>

namespace b2bmount {

void ExportProcessEnd(Napi::Env env, Napi::Object exports);

}  // namespace b2bmount
