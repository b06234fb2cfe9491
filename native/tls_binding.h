// `TlsTrust` and `TlsConnection` of index.d.ts.
#pragma once

#include <napi.h>

namespace b2bmount {

// Exports nothing where Node keeps its OpenSSL to itself.
void ExportTls(Napi::Env env, Napi::Object exports);

}  // namespace b2bmount
