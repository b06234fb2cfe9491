#include "file_lock.h"

#include <sys/file.h>

#include <cerrno>


namespace b2bmount {
namespace {

// Of the open file, not of its name nor of the process: it ends when the last descriptor is closed, however that comes.
Napi::Value TryLock(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsNumber()) {
    Napi::TypeError::New(env, "tryLock(fd): fd must be a number").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  int result;
  do {
    result = flock(info[0].As<Napi::Number>().Int32Value(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return Napi::String::New(env, "locked");
  return Napi::String::New(env, errno == EWOULDBLOCK ? "held" : "impossible");
}

}  // namespace

void ExportFileLock(Napi::Env env, Napi::Object exports) {
  exports.Set("tryLock", Napi::Function::New(env, TryLock, "tryLock"));
}

}  // namespace b2bmount
