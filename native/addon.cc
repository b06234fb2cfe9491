// What the addon exports; index.d.ts describes it.
#include <napi.h>

#include "file_lock.h"
#include "quick_xor_hash_binding.h"
#ifdef __linux__
#include "dirty_file_binding.h"
#include "process_end.h"
#include "session.h"
#include "tls_binding.h"
#endif

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  b2bmount::ExportFileLock(env, exports);
  b2bmount::ExportQuickXorHash(env, exports);
#ifdef __linux__
  b2bmount::ExportDirtyFile(env, exports);
  b2bmount::ExportProcessEnd(env, exports);
  b2bmount::ExportSession(env, exports);
  b2bmount::ExportTls(env, exports);
#endif
  return exports;
}

NODE_API_MODULE(b2bmount, Init)
